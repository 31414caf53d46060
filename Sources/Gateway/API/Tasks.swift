package import JSON
import Chat
import EventLoop
import HTTP
import HTTPTypes
package import Store

/// `/api/users/{user_id}/tasks` and `/api/tasks/{id}`: what the tools do, for programs.
enum Tasks {
    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .get, "/api/users/{user_id}/tasks", .ownerOrAdmin,
            APIOperation(
                id: "listTasks", tag: "tasks",
                summary: "A user's tasks, newest first, or with `order=due` what is due first.",
                query: [
                    .limit, .place("before", "The `next` of an earlier page."),
                    .init(
                        name: "completed", summary: "Only those that are, or are not.",
                        schema: ["type": "boolean"]),
                    .init(
                        name: "order", summary: "By when they were made, or are due.",
                        schema: ["type": "string", "enum": .array(TaskOrder.allCases.map { .string($0.rawValue) })]),
                    .init(
                        name: "include_completed", summary: "Whether those that are done are among them.",
                        schema: ["type": "boolean", "default": true]),
                ],
                answers: APIOperation.tagged("A page of tasks.", APISchemas.reference("TaskPage"))),
            body: list),
        Endpoint(
            api: .post, "/api/users/{user_id}/tasks", .owner,
            APIOperation(
                id: "addTask", tag: "tasks", summary: "Adds a task.", body: APISchemas.reference("NewTask"),
                answers: [
                    APIOperation.Answer(
                        status: 201, summary: "The new task.",
                        content: [("application/json", APISchemas.reference("Task"))],
                        headers: [("Location", "Where it is.")])
                ]),
            body: add),
        Endpoint(
            api: .get, "/api/tasks/{id}", .user,
            APIOperation(
                id: "getTask", tag: "tasks", summary: "One task.",
                answers: APIOperation.tagged("The task.", APISchemas.reference("Task"))),
            body: get),
        Endpoint(
            api: .patch, "/api/tasks/{id}", .user,
            APIOperation(
                id: "changeTask", tag: "tasks", summary: "Changes a task, or completes it.",
                detail: "With `If-Match` only when it still is what that tag stands for.",
                body: APISchemas.reference("TaskChange"),
                answers: [APIOperation.json(200, "The task as it is now.", APISchemas.reference("Task"))],
                failures: [(412, "It has changed since `If-Match`.")]),
            body: change),
        Endpoint(
            api: .delete, "/api/tasks/{id}", .user,
            APIOperation(
                id: "deleteTask", tag: "tasks", summary: "Deletes a task.",
                detail: "With `If-Match` only when it still is what that tag stands for.",
                answers: [APIOperation.Answer(status: 204, summary: "It is gone.")],
                failures: [(412, "It has changed since `If-Match`.")]),
            body: delete),
    ]

    private static func list(_ call: APICall) throws(APIFailure) {
        let query = RequestQuery(call.request.query)
        let limit = try query.limit()
        var completed = try query.flag("completed")
        if try query.flag("include_completed") == false {
            guard completed != true else {
                throw APIFailure(.invalidField, "\"completed\" and \"include_completed\" exclude each other.")
            }
            completed = false
        }
        var order = TaskOrder.created
        if let text = query.text("order") {
            guard let known = TaskOrder(rawValue: text) else {
                throw APIFailure(.invalidField, "\"order\" is created or due.")
            }
            order = known
        }
        var before: TaskCursor?
        if let place = try query.place("before") {
            guard let id = Int64(place.id) else { throw RequestQuery.wrongPlace("before") }
            before = TaskCursor(time: place.time, id: id)
        }
        call.store.tasks(
            userID: call.userID, completed: completed, order: order, before: before, limit: limit
        ) { result in
            call.answer(result) { page in
                .read(
                    .page(of: page.tasks, next: page.next.map { "\($0.time)_\($0.id)" }) {
                        $0.append(fieldsOf: $1)
                    })
            }
        }
    }

    private static func add(_ call: APICall) throws(APIFailure) {
        let arguments = try TaskFields.addition(try call.object())
        call.admitCreation {
            call.store.addTask(userID: call.userID, arguments) { result in
                call.answer(result) { task in
                    .done(
                        .of(task), status: .created, location: "/api/tasks/\(task.id)")
                }
            }
        }
    }

    private static func get(_ call: APICall) throws(APIFailure) {
        call.store.task(userID: call.userID, id: try id(call)) { result in
            call.answer(result) { task throws(APIFailure) in
                guard let task else { throw .noTask }
                return .read(.of(task))
            }
        }
    }

    private static func change(_ call: APICall) throws(APIFailure) {
        let id = try id(call)
        let arguments = try TaskFields.change(try call.object())
        expect(call, id) { expected in
            call.store.changeTask(userID: call.userID, id: id, arguments, expected: expected) { result in
                call.answer(result) { outcome throws(APIFailure) in
                    var response = APIResponse.read(.of(try done(outcome)))
                    // The answer to a change is no representation that was asked for under a condition.
                    response.etag = ETag.make(of: response.json)
                    return response
                }
            }
        }
    }

    private static func delete(_ call: APICall) throws(APIFailure) {
        let id = try id(call)
        expect(call, id) { expected in
            call.store.deleteTask(userID: call.userID, id: id, expected: expected) { result in
                call.answer(result) { outcome throws(APIFailure) in
                    _ = try done(outcome)
                    return .noContent
                }
            }
        }
    }

    private static func id(_ call: APICall) throws(APIFailure) -> Int64 {
        guard let text = call.parameters["id"], let id = Int64(text) else { throw .noTask }
        return id
    }

    private static func done(_ outcome: TaskOutcome) throws(APIFailure) -> StoredTask {
        switch outcome {
        case .done(let task): return task
        case .notFound: throw .noTask
        case .changed: throw .preconditionFailed
        }
    }

    /// With `If-Match`: goes on with the time of the change that the tag stands for, so that nothing comes between.
    private static func expect(_ call: APICall, _ id: Int64, _ body: @escaping (_ expected: Int64?) -> Void) {
        let wanted = call.request.headers.values("if-match")
        guard !wanted.isEmpty else { return body(nil) }
        call.store.task(userID: call.userID, id: id) { result in
            call.proceed(result) { task throws(APIFailure) in
                guard let task else { throw .noTask }
                let etag = ETag.make(of: .of(task))
                guard wanted.contains(where: { EntityTag.matches($0, etag) }) else {
                    throw .preconditionFailed
                }
                body(task.updatedAt)
            }
        }
    }
}

/// The bodies of tasks' requests, checked by the rules of the tools.
package enum TaskFields {
    package static func addition(_ object: JSONObject) throws(APIFailure) -> ToolArguments {
        var arguments = try check(.addTask, fields(object, ["title", "description", "due_at", "recurrence"]))
        arguments.completed = try object.given("is_completed", "true or false", \.bool).value
        return arguments
    }

    package static func change(_ object: JSONObject) throws(APIFailure) -> ToolArguments {
        var change = fields(object, ["title", "description", "due_at", "recurrence"])
        // In a change null takes away; the tools do that with an empty text.
        for name in ["description", "due_at", "recurrence"] where change[name]?.isNull == true { change[name] = "" }
        let completed = try object.given("is_completed", "true or false", \.bool).value
        if let title = change["title"], title.isNull {
            throw APIFailure(.invalidField, "title must be a string.")
        }
        var arguments = ToolArguments(operation: .update)
        if !change.members.isEmpty {
            change["task_id"] = 0
            arguments = try check(.updateTask, change)
        } else if completed == nil {
            throw APIFailure(.invalidField, "title, description, is_completed, due_at or recurrence is required.")
        }
        arguments.completed = completed
        return arguments
    }

    private static func fields(_ object: JSONObject, _ names: [String]) -> JSONObject {
        var fields = JSONObject()
        for name in names { if let value = object[name] { fields[name] = value } }
        return fields
    }

    private static func check(_ tool: ToolName, _ arguments: JSONObject) throws(APIFailure) -> ToolArguments {
        switch ToolArguments.check(name: tool.rawValue, arguments: .object(arguments)) {
        case .valid(let arguments): return arguments
        case .invalid(_, let message): throw APIFailure(.invalidField, message)
        case .unknownTool: throw APIFailure(.internal, "The request could not be carried out.")
        }
    }
}

extension [UInt8] {
    static func of(_ task: StoredTask) -> [UInt8] {
        .object { $0.append(fieldsOf: task) }
    }
}
