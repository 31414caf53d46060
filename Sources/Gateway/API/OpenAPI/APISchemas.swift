import JSON
import Chat
import Store

/// The shapes of the API's bodies, JSON Schema 2020-12.
enum APISchemas {
    static func reference(_ name: String) -> JSON {
        ["$ref": .string("#/components/schemas/\(name)")]
    }

    static let all: [(name: String, schema: JSON)] = [
        ("Error", error), ("Conversation", conversation), ("ConversationDetail", conversationDetail),
        ("ConversationPage", page("Conversation")), ("NewConversation", newConversation),
        ("ConversationChange", conversationChange), ("Message", message), ("MessagePage", page("Message")),
        ("NewMessage", newMessage),
        ("Regeneration", regeneration), ("AcceptedTurn", acceptedTurn), ("Task", task), ("TaskPage", page("Task")),
        ("NewTask", newTask), ("TaskChange", taskChange), ("Operation", operation),
        ("OperationPage", page("Operation")), ("ExportLine", exportLine), ("ImportReport", importReport),
        ("Feedback", feedback), ("NewFeedback", newFeedback), ("FeedbackPage", page("Feedback")),
        ("SearchHit", searchHit), ("SearchPage", searchPage), ("Agent", agent), ("AgentPage", page("Agent")),
        ("Session", session), ("SessionPage", page("Session")),
        ("RunAgentInput", runAgentInput),
        ("Interrupt", interrupt), ("Resume", resume), ("Resumed", resumed),
        ("DevelopmentToken", developmentToken), ("NewDevelopmentToken", newDevelopmentToken), ("Status", status),
    ]

    private static func object(_ properties: JSON, required: [String], detail: String? = nil) -> JSON {
        var object: JSONObject = ["type": "object", "properties": properties]
        if !required.isEmpty { object["required"] = .array(required.map { .string($0) }) }
        if let detail { object["description"] = .string(detail) }
        return .object(object)
    }

    private static let id: JSON = ["type": "string", "format": "uuid"]
    private static let time: JSON = ["type": "string", "format": "date-time"]
    private static let nullableText: JSON = ["type": ["string", "null"]]

    private static func text(_ least: Int64, _ most: Int64) -> JSON {
        ["type": "string", "minLength": .integer(least), "maxLength": .integer(most)]
    }

    private static func optional(_ schema: JSON) -> JSON {
        guard var object = schema.object, let type = object["type"] else { return schema }
        object["type"] = [type, "null"]
        return .object(object)
    }

    private static func choice(_ values: String...) -> JSON {
        ["type": "string", "enum": .array(values.map { .string($0) })]
    }

    private static let session: JSON = object(
        [
            "gateway": ["type": "string", "description": "Host and port of the gateway that it is connected to."],
            "connected_at": ["type": "string", "format": "date-time"],
            "address": ["type": "string", "description": "The client's."],
            "user_agent": ["type": ["string", "null"], "description": "As the client calls itself."],
        ], required: ["gateway", "connected_at", "address", "user_agent"])

    private static func page(_ item: String) -> JSON {
        object(
            [
                "data": ["type": "array", "items": reference(item)],
                "next": [
                    "type": ["string", "null"],
                    "description":
                        "Given back as `before` (or `after`) it fetches the next page; null: this was the last.",
                ],
            ], required: ["data", "next"])
    }

    private static let error = object(
        [
            "error": object(
                [
                    "code": [
                        "type": "string",
                        "enum": .array(ErrorCode.allCases.map { .string($0.rawValue) }),
                    ],
                    "message": ["type": "string"],
                ], required: ["code", "message"])
        ], required: ["error"])

    private static let userID = text(1, 255)

    private static let conversationProperties: JSONObject = [
        "id": id, "user_id": userID, "title": nullableText, "status": choice("active", "dormant", "archived"),
        "metadata": metadata,
        "message_count": ["type": "integer", "minimum": 0], "created_at": time, "updated_at": time,
    ]
    private static let conversationFields = [
        "id", "user_id", "title", "status", "metadata", "message_count", "created_at", "updated_at",
    ]

    private static let conversation = object(.object(conversationProperties), required: conversationFields)

    private static let metadata: JSON = [
        "type": "object", "description": "Yours to use; at most 16 KiB as compact JSON.",
    ]

    private static let conversationDetail: JSON = {
        var properties = conversationProperties
        properties["messages"] = [
            "type": "array", "items": reference("Message"), "description": "The newest 50, oldest first.",
        ]
        properties["has_more"] = ["type": "boolean", "description": "There are older messages."]
        properties["interrupts"] = [
            "type": "array", "items": reference("Interrupt"),
            "description": "What a person is asked, while it is open.",
        ]
        return object(
            .object(properties), required: conversationFields + ["messages", "has_more", "interrupts"])
    }()

    private static let interrupt = object(
        [
            "id": id, "reason": ["type": "string"], "message": nullableText, "tool_call_id": nullableText,
            "tool": nullableText, "parameters": ["type": ["object", "null"]],
            "response_schema": ["type": ["object", "null"]], "expires_at": time,
        ],
        required: [
            "id", "reason", "message", "tool_call_id", "tool", "parameters", "response_schema", "expires_at",
        ])

    private static let resume = object(
        [
            "resume": [
                "type": "array", "minItems": 1, "maxItems": .integer(Int64(ResumeRules.mostAnswers)),
                "description": "Answers to all that is open.",
                "items": object(
                    [
                        "interrupt_id": ["type": "string"], "status": choice("resolved", "cancelled"),
                        "payload": [
                            "description": "For our tools {approved, parameters?, reason?}, else the upstream's."
                        ],
                    ], required: ["interrupt_id", "status"]),
            ]
        ], required: ["resume"])

    private static let resumed = object(
        [
            "conversation_id": id, "status": choice("running", "duplicate"),
            "run_id": optional(id),
        ], required: ["conversation_id", "status", "run_id"])

    private static let newConversation = object(
        ["title": optional(text(0, 255)), "metadata": optional(metadata)], required: [])

    private static let conversationChange = object(
        [
            "title": optional(text(0, 255)), "metadata": optional(metadata),
            "status": choice("active", "archived"),
            "head": [
                "type": "string", "format": "uuid",
                "description": "Shows the path through this message, down to the newest turn below it.",
            ],
        ], required: [], detail: "Only what is given changes; null takes a title or all metadata away.")

    private static let message = object(
        [
            "id": id, "conversation_id": id, "user_id": userID, "run_id": optional(id),
            "parent_id": [
                "type": ["string", "null"], "format": "uuid",
                "description": "Of a user's message: the last one of what it follows; null: it is at the beginning.",
            ],
            "siblings": [
                "type": "array", "items": id,
                "description": "Those in its place, itself included, oldest first; empty where it is alone there.",
            ],
            "position": ["type": "integer", "minimum": 1], "role": choice("user", "assistant", "tool"),
            "sender": choice("user", "assistant"), "created_at": time,
            "status": choice("complete", "cancelled", "interrupted", "failed"), "content": ["type": "string"],
            "tool_calls": [
                "type": ["object", "null"],
                "properties": [
                    "tools": [
                        "type": "array",
                        "items": object(
                            [
                                "id": ["type": "string"], "tool": ["type": "string"],
                                "parameters": ["type": ["object", "string"]],
                            ], required: ["id", "tool", "parameters"]),
                    ]
                ],
                "required": ["tools"],
            ],
            "tool_call_id": nullableText, "run": messageRun,
        ],
        required: [
            "id", "conversation_id", "user_id", "run_id", "run", "parent_id", "siblings", "position", "role", "sender",
            "status", "content",
            "tool_calls", "tool_call_id", "created_at",
        ])

    private static let messageRun: JSON = optional(
        object(
            [
                "id": id,
                "status": choice("queued", "running", "completed", "cancelled", "failed", "interrupted"),
                "code": [
                    "type": ["string", "null"],
                    "enum": .array(RunErrorCode.allCases.map { .string($0.rawValue) } + [.null]),
                    "description": "Why it ended badly; null where it did not, or was cancelled.",
                ],
            ], required: ["id", "status", "code"],
            detail: "The run that answers a user's message; null for the others."))

    private static let newMessage = object(
        [
            "content": text(1, 10_000),
            "id": [
                "type": ["string", "null"], "minLength": 1, "maxLength": 64,
                "description": "An idempotency key: sent again it stores nothing and starts nothing.",
            ],
            "policy": [
                "type": ["string", "null"], "enum": ["enqueue", "reject", "interrupt", .null],
                "description": "What happens while a reply is under way.",
            ],
            "parent_id": [
                "type": ["string", "null"], "format": "uuid",
                "description":
                    "What it goes behind: the last message of a turn, or null for the beginning. Without it: what is shown.",
            ],
        ], required: ["content"])

    private static let regeneration = object(
        [
            "id": [
                "type": ["string", "null"], "minLength": 1, "maxLength": 64,
                "description": "An idempotency key, as of a message.",
            ],
            "policy": [
                "type": ["string", "null"], "enum": ["enqueue", "reject", "interrupt", .null],
                "description": "What happens while a reply is under way.",
            ],
        ], required: [])

    private static let acceptedTurn = object(
        [
            "conversation_id": id, "message_id": id, "run_id": id,
            "status": choice("running", "queued", "duplicate"),
            "position": ["type": ["integer", "null"], "description": "Turns before this one, while it is queued."],
        ], required: ["conversation_id", "message_id", "run_id", "status", "position"])

    private static let taskID: JSON = ["type": "integer", "format": "int64"]

    private static let task = object(
        [
            "id": taskID, "number": ["type": "integer", "minimum": 1, "description": "1, 2, 3… of its user."],
            "user_id": ["type": "string"], "title": ["type": "string"], "description": nullableText,
            "is_completed": ["type": "boolean"], "ai_generated": ["type": "boolean"],
            "last_interaction_id": optional(id), "due_at": optional(time), "recurrence": nullableText,
            "created_at": time, "updated_at": time,
        ],
        required: [
            "id", "number", "user_id", "title", "description", "is_completed", "ai_generated", "last_interaction_id",
            "due_at", "recurrence", "created_at", "updated_at",
        ])

    private static let taskTitle: JSON = [
        "type": "string", "minLength": 1, "maxLength": .integer(Int64(ToolArguments.titleLength)), "pattern": "\\S",
    ]
    private static let taskDue: JSON = [
        "type": ["string", "null"],
        "description": "When it is due: ISO 8601 with its zone, like 2026-05-04T17:00:00+02:00.",
    ]
    private static let taskRecurrence: JSON = [
        "type": ["string", "null"],
        "description":
            "An RRULE of RFC 5545 with FREQ, INTERVAL, BYDAY (weekly) and BYMONTHDAY (monthly); with `due_at`, the first time. Done, the task comes back at the next.",
    ]

    private static let newTask = object(
        [
            "title": taskTitle, "description": optional(text(0, Int64(ToolArguments.descriptionLength))),
            "is_completed": ["type": "boolean"], "due_at": taskDue, "recurrence": taskRecurrence,
        ],
        required: ["title"])

    private static let taskChange = object(
        [
            "title": taskTitle, "description": optional(text(0, Int64(ToolArguments.descriptionLength))),
            "is_completed": ["type": "boolean"], "due_at": taskDue, "recurrence": taskRecurrence,
        ], required: [], detail: "At least one of them; an empty text, or null, takes all but the title away.")

    private static let operation = object(
        [
            "operation_id": id, "conversation_id": id, "user_message_id": optional(id), "run_id": id,
            "ordinal": ["type": "integer", "minimum": 1],
            "operation_type": choice("add", "list", "get", "update", "delete", "complete"),
            "input_params": JSON.object([:]),
            "result": JSON.object([:]), "status": choice("pending", "success", "failed"), "created_at": time,
            "finished_at": optional(time),
        ],
        required: [
            "operation_id", "conversation_id", "user_message_id", "run_id", "ordinal", "operation_type",
            "input_params", "result", "status",
            "created_at", "finished_at",
        ])

    private static let rating: JSON = ["type": ["string", "null"], "enum": ["up", "down", .null]]

    private static let newFeedback = object(
        ["rating": rating, "comment": optional(text(0, Int64(Feedback.commentLength)))], required: ["rating"])

    private static let feedback = object(
        [
            "message_id": id, "rating": rating, "comment": nullableText, "created_at": time, "updated_at": time,
        ], required: ["message_id", "rating", "comment"])

    private static let searchHit = object(
        [
            "conversation_id": id, "title": nullableText, "message_id": optional(id),
            "role": ["type": ["string", "null"], "enum": ["user", "assistant", .null]],
            "excerpt": nullableText, "created_at": time,
        ], required: ["conversation_id", "title", "message_id", "role", "excerpt", "created_at"],
        detail: "A message, or where `message_id` is null the title itself.")

    private static let searchPage = object(
        [
            "data": ["type": "array", "items": reference("SearchHit")], "next": nullableText,
            "not_searched": ["type": "array", "items": choice("titles", "messages")],
        ], required: ["data", "next", "not_searched"])

    private static let agent = object(
        [
            "id": ["type": "string"], "name": nullableText, "greeting": nullableText, "picture": nullableText,
            "suggestions": ["type": "array", "items": ["type": "string"]],
        ], required: ["id", "name", "greeting", "picture", "suggestions"])

    private static let exportLine = object(
        ["type": ["type": "string"]], required: ["type"], detail: "One JSON object a line; the last one has type `end`."
    )

    private static let importReport = object(
        [
            "lines": ["type": "integer"],
            "stored": ["type": "object", "description": "What is new, by type."],
            "known": ["type": "integer", "description": "Lines that say what is there already."],
            "refused": ["type": "integer"],
            "refusals": [
                "type": "array", "description": .string("The first \(ImportReport.toldRefusals)."),
                "items": object(
                    ["line": ["type": "integer", "minimum": 1], "reason": ["type": "string"]],
                    required: ["line", "reason"]),
            ],
        ], required: ["lines", "stored", "known", "refused", "refusals"])

    private static let runAgentInput = object(
        [
            "threadId": text(1, Int64(AGUIRunInput.idLength)), "runId": text(1, Int64(AGUIRunInput.idLength)),
            "messages": [
                "type": "array", "minItems": 1, "maxItems": .integer(Int64(AGUIRunInput.maximumMessages)),
                "items": object(
                    [
                        "id": text(1, Int64(AGUIRunInput.idLength)),
                        "role": choice(
                            "user", "assistant", "tool", "system", "developer", "activity", "reasoning"),
                    ], required: ["id", "role"]),
                "contains": object(["role": ["const": "user"]], required: ["role"]),
            ],
        ], required: ["threadId", "runId", "messages"],
        detail: "AG-UI's RunAgentInput. State, tools, context and forwardedProps are accepted and not used.")

    private static let developmentToken = object(
        ["token": ["type": "string"], "expires_at": time], required: ["token", "expires_at"])

    private static let newDevelopmentToken = object(
        ["user_id": text(1, 255), "role": ["type": ["string", "null"], "enum": ["user", "admin", .null]]],
        required: ["user_id"])

    private static let status = object(["status": ["type": "string"]], required: ["status"])
}
