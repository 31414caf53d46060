/**
 * What goes over Parley's wire: the frames of a socket or an event stream, the AG-UI events of a run, and the objects of
 * the HTTP API. The words are those of the documentation's pages Protocol and HTTP API, which say what each is for.
 *
 * Frames and events have camelCase fields, the objects of the HTTP API snake_case. Fields that are not named here are to
 * be ignored: later versions add some.
 */

// --- what both have -----------------------------------------------------------------------------------------------------------

/** A UUID; opaque to clients. */
export type Id = string;
/** RFC 3339, UTC. */
export type Time = string;
/** `<epoch>.<n>`: everything of a conversation up to there. */
export type Cursor = string;

/** Any value of JSON. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export type Role = "user" | "assistant" | "tool";
export type ConversationStatus = "active" | "dormant" | "archived" | "deleted";
export type MessageStatus = "complete" | "cancelled" | "interrupted" | "failed";
export type RunStatus = "queued" | "running" | "suspended" | "completed" | "cancelled" | "failed" | "interrupted";
export type QueuePolicy = "enqueue" | "reject" | "interrupt";

/** Why an operation did nothing. */
export type ErrorCode =
  | "unauthenticated" | "forbidden" | "not_found" | "thread_not_found" | "invalid_json" | "invalid_op" | "invalid_field"
  | "empty_content" | "content_too_long" | "conversation_full" | "busy" | "queue_full" | "rate_limited" | "unavailable"
  | "internal";

/** Why a run ended badly. */
export type RunErrorCode =
  | "upstream_unavailable" | "upstream_error" | "upstream_truncated" | "upstream_timeout" | "upstream_empty"
  | "context_too_long" | "content_filtered" | "conversation_full" | "tool_failed" | "interrupted" | "internal";

// --- what a client sends --------------------------------------------------------------------------------------------------------

export type ClientFrame =
  | SendFrame | RegenerateFrame | SelectFrame | ResumeFrame | CancelFrame | SubscribeFrame | UnsubscribeFrame | AuthFrame
  | PingFrame;

export interface SendFrame {
  op: "send";
  /** The client's idempotency key, 1 to 64 characters. */
  id?: string;
  /** Absent: a new conversation. */
  threadId?: Id;
  content: string;
  policy?: QueuePolicy;
  /** The message behind which it goes, the last of a turn; null: the beginning; absent: behind what is shown. */
  parentId?: Id | null;
  metadata?: { timeZone?: string; locale?: string };
}

export interface RegenerateFrame {
  op: "regenerate";
  id?: string;
  threadId: Id;
  messageId: Id;
  policy?: QueuePolicy;
}

export interface SelectFrame {
  op: "select";
  id?: string;
  threadId: Id;
  messageId: Id;
}

export interface ResumeFrame {
  op: "resume";
  id?: string;
  threadId: Id;
  /** All open interrupts of the conversation. */
  resume: { interruptId: Id; status: "resolved" | "cancelled"; payload?: Json }[];
}

export interface CancelFrame {
  op: "cancel";
  id?: string;
  threadId: Id;
  /** Absent: the running one. */
  runId?: Id;
}

export interface SubscribeFrame {
  op: "subscribe";
  id?: string;
  threadId: Id;
  after?: Cursor;
}

export interface UnsubscribeFrame {
  op: "unsubscribe";
  id?: string;
  threadId: Id;
}

export interface AuthFrame {
  op: "auth";
  id?: string;
  token: string;
}

export interface PingFrame {
  op: "ping";
  id?: string;
}

// --- what a server sends --------------------------------------------------------------------------------------------------------

/** Each text frame of a socket, and the `data` of each event of `GET /events`. */
export type ServerFrame =
  | ReadyFrame | AckFrame | ErrorFrame | SnapshotFrame | SubscribedFrame | AuthenticatedFrame | AuthExpiringFrame
  | ThreadFrame | PongFrame | DrainingFrame | ClosingFrame | RunEvent;

/** The first one on every socket. */
export interface ReadyFrame {
  op: "ready";
  sessionId: Id;
  userId: string;
  epoch: string;
  expiresAt: Time;
  limits: { maxMessageBytes: number; maxContentLength: number; maxQueuedTurns: number; maxSubscriptions: number };
  /** The user's unfinished runs. */
  runs: { threadId: Id; runId: Id; status: RunStatus }[];
  /** Of an event stream. */
  streamId?: Id;
  /** A stream that was taken up again. */
  resumed?: boolean;
}

/** What was asked for is done, and durable. */
export interface AckFrame {
  op: "ack";
  id?: string;
  threadId: Id;
  messageId?: Id;
  runId?: Id;
  status: "running" | "queued" | "duplicate" | "cancelled" | "idle" | "unsubscribed" | "selected";
  /** In the queue, from 1. */
  position?: number;
}

export interface ErrorFrame {
  op: "error";
  id?: string;
  code: ErrorCode;
  message: string;
  /** Seconds. */
  retryAfter?: number;
}

/** The history that is shown, instead of what came before. */
export interface SnapshotFrame {
  op: "snapshot";
  threadId: Id;
  /** Oldest first. */
  messages: SnapshotMessage[];
  hasMore: boolean;
  cursor: Cursor;
  interrupts?: Interrupt[];
}

export interface SubscribedFrame {
  op: "subscribed";
  id?: string;
  threadId: Id;
  mode: "resumed" | "snapshot";
  cursor: Cursor;
}

export interface AuthenticatedFrame {
  op: "authenticated";
  id?: string;
  expiresAt: Time;
}

/** 60 s before the token ends. */
export interface AuthExpiringFrame {
  op: "authExpiring";
  expiresAt: Time;
}

/** A conversation of the user was made, renamed, archived or deleted, or something came into it. */
export interface ThreadFrame {
  op: "thread";
  threadId: Id;
  title: string | null;
  status: ConversationStatus;
  updatedAt: Time;
}

export interface PongFrame {
  op: "pong";
  id?: string;
}

/** The server is about to stop. */
export interface DrainingFrame {
  op: "draining";
  /** Seconds. */
  reconnectAfter: number;
}

/** The last event of an event stream, in place of a socket's close. */
export interface ClosingFrame {
  op: "closing";
  code: number;
  reason: string;
}

// --- AG-UI 1.0 ----------------------------------------------------------------------------------------------------------------

/** In every event. */
export interface EventMetadata {
  parley: {
    threadId: Id;
    cursor: Cursor;
    /** It repeats what was streamed before the client subscribed. */
    replay?: true;
  };
}

export type RunEvent =
  | RunStarted | RunFinished | RunError | TextMessageStart | TextMessageContent | TextMessageEnd | ToolCallStart
  | ToolCallArgs | ToolCallEnd | ToolCallResult | ReasoningStart | ReasoningMessageStart | ReasoningMessageContent
  | ReasoningMessageEnd | ReasoningEnd;

export interface RunStarted {
  type: "RUN_STARTED";
  threadId: Id;
  runId: Id;
  /** The run whose answer this one stands beside, or the one that waited for a person. */
  parentRunId?: Id;
  protocolVersion: "1.0";
  input: {
    threadId: Id;
    runId: Id;
    /** The user's message; none for a run without one. */
    messages: ChatMessage[];
    tools: never[];
    context: never[];
    resume?: ResumeEntry[];
  };
  metadata: EventMetadata;
}

export interface RunFinished {
  type: "RUN_FINISHED";
  threadId: Id;
  runId: Id;
  outcome: { type: "success" } | { type: "cancelled" } | { type: "interrupt"; interrupts: Interrupt[] };
  usage?: { inputTokens: number; outputTokens: number; totalTokens: number }[];
  metadata: EventMetadata;
}

export interface RunError {
  type: "RUN_ERROR";
  message: string;
  code: RunErrorCode;
  metadata: EventMetadata;
}

export interface TextMessageStart {
  type: "TEXT_MESSAGE_START";
  messageId: Id;
  role: "assistant";
  metadata: EventMetadata;
}

export interface TextMessageContent {
  type: "TEXT_MESSAGE_CONTENT";
  messageId: Id;
  delta: string;
  metadata: EventMetadata;
}

export interface TextMessageEnd {
  type: "TEXT_MESSAGE_END";
  messageId: Id;
  metadata: EventMetadata;
}

export interface ToolCallStart {
  type: "TOOL_CALL_START";
  toolCallId: string;
  toolCallName: string;
  parentMessageId?: Id;
  metadata: EventMetadata;
}

export interface ToolCallArgs {
  type: "TOOL_CALL_ARGS";
  toolCallId: string;
  delta: string;
  metadata: EventMetadata;
}

export interface ToolCallEnd {
  type: "TOOL_CALL_END";
  toolCallId: string;
  metadata: EventMetadata;
}

export interface ToolCallResult {
  type: "TOOL_CALL_RESULT";
  messageId: Id;
  toolCallId: string;
  content: string;
  role: "tool";
  metadata: EventMetadata;
}

/** What a model thinks, where the operator shows it; never part of the answer, never stored. */
export interface ReasoningStart { type: "REASONING_START"; messageId: Id; metadata: EventMetadata }
export interface ReasoningMessageStart {
  type: "REASONING_MESSAGE_START";
  messageId: Id;
  role: "reasoning";
  metadata: EventMetadata;
}
export interface ReasoningMessageContent {
  type: "REASONING_MESSAGE_CONTENT";
  messageId: Id;
  delta: string;
  metadata: EventMetadata;
}
export interface ReasoningMessageEnd { type: "REASONING_MESSAGE_END"; messageId: Id; metadata: EventMetadata }
export interface ReasoningEnd { type: "REASONING_END"; messageId: Id; metadata: EventMetadata }

/** A call of a tool that waits for a person. */
export interface Interrupt {
  id: Id;
  /** `tool_approval`, or the upstream agent's own. */
  reason: string;
  message?: string;
  toolCallId?: string;
  responseSchema?: JsonObject;
  expiresAt?: Time;
}

export interface ResumeEntry {
  interruptId: Id;
  status: "resolved" | "cancelled";
  payload?: Json;
}

/** An AG-UI message. */
export type ChatMessage =
  | { id: Id; role: "user"; content: string; metadata?: MessageMetadata }
  | { id: Id; role: "assistant"; content: string; toolCalls?: ChatToolCall[]; metadata?: MessageMetadata }
  | { id: Id; role: "tool"; content: string; toolCallId: string; metadata?: MessageMetadata };

export interface ChatToolCall {
  id: string;
  type: "function";
  /** `arguments` is JSON text as the assistant wrote it. */
  function: { name: string; arguments: string };
}

export interface MessageMetadata {
  parley: {
    status: MessageStatus;
    createdAt?: Time;
    runId?: Id | null;
    position?: number;
    /** Of a user's message that is not alone in its place: the message behind which it stands. */
    parentId?: Id | null;
    /** What stands in the same place, oldest first; of answers their first messages. */
    siblings?: Id[];
    /** Of a user's message whose run did not end well. */
    run?: { status: RunStatus; code?: RunErrorCode };
  };
}

/** One of a snapshot: stored. */
export type SnapshotMessage = ChatMessage & {
  metadata: { parley: { createdAt: Time; runId: Id | null; position: number } };
};

// --- the HTTP API ---------------------------------------------------------------------------------------------------------------

export interface Page<Item> {
  data: Item[];
  /** Given back as `before` (or `after`) it fetches the next page; null: this was the last. */
  next: string | null;
}

/** `GET /api/agents`: how an assistant introduces itself; null or empty where the operator says nothing. */
export interface AgentObject {
  id: string;
  name: string | null;
  greeting: string | null;
  picture: string | null;
  suggestions: string[];
}

export interface ErrorBody {
  error: { code: ErrorCode; message: string };
}

export interface Conversation {
  id: Id;
  user_id: string;
  title: string | null;
  status: ConversationStatus;
  metadata: JsonObject;
  message_count: number;
  created_at: Time;
  updated_at: Time;
}

export interface ConversationDetail extends Conversation {
  /** The newest 50, oldest first. */
  messages: Message[];
  has_more: boolean;
  interrupts?: Interrupt[];
}

export interface NewConversation { title?: string | null; metadata?: JsonObject | null }

export interface ConversationChange {
  title?: string | null;
  metadata?: JsonObject | null;
  status?: "active" | "archived";
  /** The message that the shown path goes through. */
  head?: Id;
}

export interface Message {
  id: Id;
  conversation_id: Id;
  user_id: string;
  run_id: Id | null;
  /** Of a user's message: its newest run. */
  run: { id: Id; status: RunStatus; code: RunErrorCode | null } | null;
  /** Of a user's message: the last one of what it follows; null: the beginning. */
  parent_id: Id | null;
  /** Those in its place, itself included, oldest first; empty where it is alone there. */
  siblings: Id[];
  /** The order of storage, from 1. */
  position: number;
  role: Role;
  sender: "user" | "assistant";
  status: MessageStatus;
  content: string;
  /** Arguments that are no JSON object are a string of what the assistant wrote. */
  tool_calls: { tools: { id: string; tool: string; parameters: JsonObject | string }[] } | null;
  tool_call_id: string | null;
  created_at: Time;
}

export interface NewMessage {
  content: string;
  /** The client's idempotency key. */
  id?: string;
  policy?: QueuePolicy;
  parent_id?: Id | null;
}

/** The answer to a message that was sent, or regenerated. */
export interface AcceptedTurn {
  conversation_id: Id;
  message_id: Id;
  run_id: Id;
  status: "running" | "queued" | "duplicate";
  position: number | null;
}

export interface Task {
  id: number;
  /** 1, 2, 3… of this user's: what people see and say. */
  number: number;
  user_id: string;
  title: string;
  description: string | null;
  is_completed: boolean;
  ai_generated: boolean;
  /** The message that last had it made or changed. */
  last_interaction_id: Id | null;
  due_at: Time | null;
  /** An RRULE of RFC 5545. */
  recurrence: string | null;
  created_at: Time;
  updated_at: Time;
}

export interface NewTask {
  title: string;
  description?: string | null;
  is_completed?: boolean;
  due_at?: Time | null;
  recurrence?: string | null;
}

export interface TaskChange {
  title?: string;
  description?: string | null;
  is_completed?: boolean;
  due_at?: Time | null;
  recurrence?: string | null;
}

/** What an assistant did to a task. */
export interface Operation {
  operation_id: Id;
  conversation_id: Id;
  user_message_id: Id | null;
  run_id: Id;
  ordinal: number;
  operation_type: "add" | "list" | "get" | "update" | "delete" | "complete";
  input_params: Json;
  result: JsonObject | null;
  status: "pending" | "success" | "failed";
  created_at: Time;
  finished_at: Time | null;
}

/** A run, as an export has it. */
export interface Run {
  id: Id;
  conversation_id: Id;
  user_message_id: Id;
  /** The idempotency key of a regenerate. */
  client_id: string | null;
  status: RunStatus;
  usage: { input_tokens: number; output_tokens: number } | null;
  error: { code: RunErrorCode; message: string } | null;
  created_at: Time;
  started_at: Time | null;
  finished_at: Time | null;
}

export interface User {
  id: string;
  email: string | null;
  name: string | null;
  created_at: Time;
  last_seen_at: Time;
}

/** What a run asked of the person, and what the person said to it. */
export interface ApprovalLine {
  type: "approval";
  id: Id;
  conversation_id: Id;
  run_id: Id;
  ordinal: number;
  tool: string | null;
  call_id: string | null;
  status: string;
  decided_at: Time | null;
  decided_by: string | null;
  reason: string | null;
  correction: unknown;
  payload: unknown;
  created_at: Time;
  expires_at: Time;
  parameters: unknown;
  interrupt: unknown;
}

/** What the person thinks of an answer. */
export interface FeedbackLine {
  type: "feedback";
  message_id: Id;
  conversation_id: Id;
  user_id: string;
  rating: "up" | "down";
  comment: string | null;
  created_at: Time;
  updated_at: Time;
}

/** A line of an export. */
export type ExportLine =
  | ({ type: "user" } & User)
  | ({ type: "conversation"; head_run_id: Id | null } & Conversation)
  | ({ type: "message"; client_id: string | null; parent_run_id: Id | null } & Omit<Message, "parent_id" | "siblings">)
  | ({ type: "run"; parent_run_id: Id | null; resumed_run_id: Id | null } & Omit<Run, "user_message_id"> & {
        /** None: nobody asked, as of a reminder. */
        user_message_id: Id | null;
      })
  | ApprovalLine
  | FeedbackLine
  | ({ type: "operation" } & Operation)
  | ({ type: "task" } & Task)
  | { type: "end"; lines: number };

/** What became of an import. */
export interface ImportReport {
  lines: number;
  /** What is new, by type. */
  stored: { [type: string]: number };
  /** Lines that say what is there already. */
  known: number;
  refused: number;
  /** The first 100. */
  refusals: { line: number; reason: string }[];
}
