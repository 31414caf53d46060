"""Dialects of servers and agents beside those of `upstream_cases`: each row is a conversation with an upstream whose every
byte is given, played like a case."""

import json

import pytest

from test_upstream_cases import play


def case(answers, *turns, agent="chat-completions", **more):
    """A turn is (what is sent, what is shown or how it ends, what is stored where that differs)."""
    read = []
    for send, wanted, *rest in turns:
        turn = {"send": send, "ends": "success", "shows": wanted}
        if wanted.startswith("!"):
            turn = {"send": send, "ends": wanted[1:]}
            if rest:
                turn["shows"] = rest.pop(0)
        read.append(turn)
    return {"agent": agent, "answers": answers, "turns": read, **more}


def chunk(finish=None, usage=None, index=0, **delta):
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"data": {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]} | (
        {"usage": usage} if usage else {})}


DONE = "data: [DONE]\n\n"
STOP = [chunk("stop"), DONE]


def says(text, *end, **more):
    return {"body": [chunk(role="assistant", content=text), *(end or STOP)], **more}


def call(arguments='{"title":"milk"}', name="add_task", id="call_1", index=0, **more):
    made = {"id": id, "type": "function", "index": index, "function": {"name": name, "arguments": arguments}, **more}
    return {key: value for key, value in made.items() if value is not None}


def asks(*calls, end=None, **more):
    return {"body": [chunk(role="assistant", content=None, tool_calls=list(calls)), *(end or [chunk("tool_calls"), DONE])],
            **more}


RESULT = {"if": ["asked with a result"]}


def refuses(status, error, *rule, **more):
    body = error if isinstance(error, str) else json.dumps(error)
    answer = {"status": status, "headers": {"Content-Type": "application/json"}, "body": body, **more}
    return answer | ({"if": list(rule)} if rule else {})


def adds(*calls, **more):
    """The model makes calls and then answers."""
    return case([says("Added.", **RESULT), asks(*calls)], ("add milk", "Added."), tasks=["milk"], **more)


def event(kind, **fields):
    return {"data": {"type": kind, **fields}}


RUN = {"threadId": "{{threadId}}", "runId": "{{runId}}"}
STARTED, FINISHED = event("RUN_STARTED", **RUN), event("RUN_FINISHED", **RUN)


def text(content, id="m"):
    return [event("TEXT_MESSAGE_START", messageId=id, role="assistant"),
            event("TEXT_MESSAGE_CONTENT", messageId=id, delta=content), event("TEXT_MESSAGE_END", messageId=id)]


def tool(id="t", name="add_task", arguments='{"title":"milk"}', parent=None):
    parent = {"parentMessageId": parent} if parent else {}
    return [event("TOOL_CALL_START", toolCallId=id, toolCallName=name, **parent),
            event("TOOL_CALL_ARGS", toolCallId=id, delta=arguments), event("TOOL_CALL_END", toolCallId=id)]


def agui(*answers, **more):
    return case([{"body": list(answer)} if isinstance(answer, (list, tuple)) else answer for answer in answers],
                *more.pop("turns"), agent="agui", **more)


def agui_says(body, shown="Hello."):
    return agui(body, turns=[("hello", shown)])


def agui_adds(*body):
    return agui({"nth": 1, "body": list(body)}, {"body": [STARTED, *text("Added."), FINISHED]},
                turns=[("add milk", "Added.")], tasks=["milk"])


HISTORY = {"CONTEXT_MESSAGES": 3}
TOO_LONG = {"error": {"message": "This model's maximum context length is 100 tokens.", "code": "context_length_exceeded"}}

ROWS = {
    # The form of a stream
    "Azure: an opening chunk of filters without choices, and one without a delta": case([{"body": [
        {"data": {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [
            {"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}]}},
        chunk(role="assistant", content="", refusal=None), chunk(content="Hel"), chunk(content="lo."),
        {"data": {"choices": [{"content_filter_offsets": {"check_offset": 1}, "content_filter_results": {},
                               "finish_reason": None, "index": 0}], "object": ""}}, *STOP]}], ("hello", "Hello.")),
    "OpenRouter: comments, and an end in words of the provider's": case([{"body": [
        ": OPENROUTER PROCESSING\n\n", ": OPENROUTER PROCESSING\n\n",
        {"data": {"id": "gen-1", "provider": "X", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello."},
                  "finish_reason": None, "native_finish_reason": None, "logprobs": None}]}},
        {"data": {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "stop",
                               "native_finish_reason": "end_turn"}]}},
        {"data": {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
                  "usage": {"prompt_tokens": 1, "completion_tokens": 1}}}, DONE]}], ("hello", "Hello.")),
    "OpenRouter: an error in the middle, beside a choice that ends so": case([
        {"nth": 1, "body": [chunk(content="Half "), {"data": {
            "id": "gen-1", "object": "chat.completion.chunk", "error": {"code": "server_error", "message": "Provider disconnected"},
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}}, DONE]}, says("Hello.")],
        ("hello", "!upstream_error", "Half "), ("hello", "Hello.")),
    "litellm: an error as text in the middle, then the end": case([
        {"nth": 1, "body": [chunk(content="Half "), 'data: {"error": {"message": "litellm.APIError", "type": null, "param": null, "code": "500"}}\n\n', DONE]},
        says("Hello.")], ("hello", "!upstream_error", "Half "), ("hello", "Hello.")),
    "Ollama: finish_reason empty in every chunk": case([{"body": [
        chunk("", content="Hel"), chunk("", content="lo."), chunk("stop", content=""), DONE]}], ("hello", "Hello.")),
    "a stream that says it is JSON": case([says("Hello.", headers={"Content-Type": "application/json"})], ("hello", "Hello.")),
    "a stream that says it is plain text": case([says("Hello.", headers={"Content-Type": "text/plain; charset=utf-8"})], ("hello", "Hello.")),
    "a stream in capitals": case([says("Hello.", headers={"Content-Type": "Text/Event-Stream;charset=UTF-8"})], ("hello", "Hello.")),
    "one chunk a line": case([{"headers": {"Content-Type": "application/x-ndjson"}, "body": "".join(
        json.dumps(each["data"]) + "\n" for each in (chunk(content="Hel"), chunk(content="lo."), chunk("stop")))}], ("hello", "Hello.")),
    "no blank lines between the events": case([{"body": "".join(
        f"data: {json.dumps(each['data'])}\n" for each in (chunk(content="Hel"), chunk(content="lo."), chunk("stop"))) + "data: [DONE]\n\n"}],
        ("hello", "Hello.")),
    "lines that end in a carriage return": case([{"body": "".join(
        f"data:{json.dumps(each['data'])}\r\r" for each in (chunk(content="Hel"), chunk(content="lo."), chunk("stop"))) + "data:[DONE]\r\r"}],
        ("hello", "Hello.")),
    "a mark of the byte order at the beginning": case([{"body": [f"\ufeffdata: {json.dumps(chunk(content='Hello.')['data'])}\n\n", *STOP]}],
                                                      ("hello", "Hello.")),
    "named events": case([{"body": [f"event: message\nid: 1\nretry: 100\ndata: {json.dumps(chunk(content='Hello.')['data'])}\n\n", *STOP]}],
                         ("hello", "Hello.")),
    "choices with a text, as before chat": case([{"body": [
        {"data": {"object": "text_completion", "choices": [{"index": 0, "text": "Hel", "finish_reason": None}]}},
        {"data": {"object": "text_completion", "choices": [{"index": 0, "text": "lo.", "finish_reason": "stop"}]}}, DONE]}],
        ("hello", "Hello.")),
    "a second choice beside the first": case([{"body": [
        chunk(content="Hello."), chunk(content="Other.", index=1), chunk("stop", index=1), *STOP]}], ("hello", "Hello.")),
    "the whole text in the closing chunk of a stream, beside its usage": case([{"body": [
        chunk(content="Good morning "), chunk(content="to you."),
        {"data": {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Good morning to you."}}],
                  "usage": {"prompt_tokens": 1, "completion_tokens": 1}}}, DONE]}], ("hello", "Good morning to you.")),
    "DONE alone at the end": case([{"body": [chunk(content="Hello."), DONE]}], ("hello", "Hello.")),
    "an end in words of Anthropic's": case([says("Hello.", chunk("end_turn"), DONE)], ("hello", "Hello.")),
    "an end in words of Gemini's": case([says("Hello.", chunk("STOP"))], ("hello", "Hello.")),
    "no end at all": case([{"nth": 1, "body": [chunk(content="Half")]}, says("Hello.")],
                          ("hello", "!upstream_truncated", "Half"), ("hello", "Hello.")),
    "an end for its length": case([{"nth": 1, "body": [chunk(content="Half"), chunk("max_tokens"), DONE]}, says("Hello.")],
                                  ("hello", "!upstream_truncated", "Half"), ("hello", "Hello.")),
    "an end for its content": case([{"nth": 1, "body": [chunk(content="Half"), chunk("SAFETY"), DONE]}, says("Hello.")],
                                   ("hello", "!content_filtered", "Half"), ("hello", "Hello.")),
    "a refusal as content": case([{"body": [chunk(refusal="I can't "), chunk(refusal="do that."), *STOP]}], ("hello", "I can't do that.")),
    # What is wrong with a 200
    "JSON with an error's status and no error": case([
        {"nth": 1, "headers": {"Content-Type": "application/json"}, "body": '{"code":429,"message":"Too many requests, slow down"}'},
        says("Hello.")], ("hello", "Hello."), settings={"AGENT_MAX_RETRIES": 1}),
    "JSON that says that it failed": case([
        {"nth": 1, "headers": {"Content-Type": "application/json"}, "body": '{"success":false,"msg":"internal"}'}, says("Hello.")],
        ("hello", "!upstream_error"), ("hello", "Hello.")),
    "MiniMax: the error in base_resp": case([
        {"nth": 1, "headers": {"Content-Type": "application/json"},
         "body": '{"choices":null,"base_resp":{"status_code":1027,"status_msg":"output new_sensitive"}}'}, says("Hello.")],
        ("hello", "!content_filtered"), ("hello", "Hello.")),
    "a page for people": case([{"nth": 1, "headers": {"Content-Type": "text/html"}, "body": "<html>Sign in</html>"}, says("Hello.")],
                              ("hello", "!upstream_error"), ("hello", "Hello.")),
    "nothing at all": case([{"nth": 1, "headers": {"Content-Type": "application/json"}, "body": ""}, says("Hello.")],
                           ("hello", "!upstream_truncated"), ("hello", "Hello."), settings={"AGENT_MAX_RETRIES": 0}),
    "LM Studio: an event named error": case([
        {"nth": 1, "body": 'event: error\ndata: {"error":{"message":"The model has crashed without additional information."}}\n\n'},
        says("Hello.")], ("hello", "!upstream_error"), ("hello", "Hello."), settings={"AGENT_MAX_RETRIES": 0}),
    "LM Studio: too long, as an event named error": case([
        {"if": ["a message holds", "xxxxxxxxxx"], "body":
         'event: error\ndata: {"error":"Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough."}\n\n'},
        says("Hello.")], ("x" * 30, "!context_too_long"), ("hello", "Hello.")),
    # Silence
    "choices that are never any": case([{"nth": 1, "body": [{"data": {"choices": []}}, DONE]}, says("Hello.")],
                                       ("hello", "!upstream_empty"), ("hello", "Hello.")),
    "white space": case([{"nth": 1, "body": [chunk(content="\n\n"), *STOP]}, says("Hello.")], ("hello", "!upstream_empty"), ("hello", "Hello.")),
    "thoughts alone": case([{"nth": 1, "body": [chunk(reasoning_content="Hm."), *STOP]}, says("Hello.")],
                           ("hello", "!upstream_empty"), ("hello", "Hello.")),
    "thoughts alone, between tags": case([{"nth": 1, "body": [chunk(content="<think>Hm.</think>\n"), *STOP]}, says("Hello.")],
                                         ("hello", "!upstream_empty"), ("hello", "Hello.")),
    "a finish that filters, and no text": case([{"nth": 1, "body": [chunk("content_filter"), DONE]}, says("Hello.")],
                                               ("hello", "!content_filtered"), ("hello", "Hello.")),
    # Calls
    "Ollama: whole calls without index": adds(call(index=None)),
    "Ollama: the arguments as an object, without an id": adds(call({"title": "milk"}, id=None, index=None)),
    "Ollama: two whole calls in one chunk, both index 0": case(
        [says("Added.", **RESULT), asks(call(id="a"), call('{"title":"eggs"}', id="b"))], ("add", "Added."), tasks=["milk", "eggs"]),
    "Gemini: parallel calls with index 0 and empty ids, and stop": case(
        [says("Added.", **RESULT), {"body": [
            chunk(tool_calls=[call(id="")]), chunk("stop", tool_calls=[call('{"title":"eggs"}', id="")]), DONE]}],
        ("add", "Added."), tasks=["milk", "eggs"]),
    "Gemini: a signature that must come back": case(
        [refuses(400, {"error": {"message": "Function call is missing a thought_signature"}}, "a call has no signature"),
         says("Added.", **RESULT), asks(call(extra_content={"google": {"thought_signature": "c2ln"}}))],
        ("add milk", "Added."), tasks=["milk"], requests=2),
    "vLLM: the name alone, then arguments, each with an index": case(
        [says("Added.", **RESULT), {"body": [
            chunk(tool_calls=[{"index": 0, "id": "chatcmpl-tool-1", "type": "function", "function": {"name": "add_task"}}]),
            chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"title": '}}]),
            chunk(tool_calls=[{"index": 0, "function": {"arguments": '"milk"}'}}]), chunk("tool_calls", content=""), DONE]}],
        ("add milk", "Added."), tasks=["milk"]),
    "SGLang: arguments before the name": case(
        [says("Added.", **RESULT), {"body": [
            chunk(tool_calls=[{"index": 0, "id": "1", "function": {"arguments": '{"title":"milk"}'}}]),
            chunk(tool_calls=[{"index": 0, "function": {"name": "add_task"}}]), chunk("tool_calls"), DONE]}],
        ("add milk", "Added."), tasks=["milk"]),
    "index that counts from 1, as text": adds(call(index="1")),
    "the next call's head with the index of the one before": case(
        [says("Added.", **RESULT), {"body": [
            chunk(tool_calls=[call("", id="a")]), chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"title":"milk"}'}}]),
            chunk(tool_calls=[call("", id="b", index=0)]), chunk(tool_calls=[{"index": 1, "function": {"arguments": '{"title":"eggs"}'}}]),
            chunk("tool_calls"), DONE]}], ("add", "Added."), tasks=["milk", "eggs"]),
    "null for a call, and for its function": case(
        [says("Added.", **RESULT), {"body": [
            chunk(tool_calls=None), chunk(tool_calls=[None]), chunk(tool_calls=[{"index": 0, "id": "x", "function": None}]),
            chunk(tool_calls=[call(id="x")]), chunk("tool_calls"), DONE]}], ("add milk", "Added."), tasks=["milk"]),
    "function_call, as before tools": case(
        [says("Added.", **RESULT), {"body": [
            chunk(function_call={"name": "add_task", "arguments": ""}), chunk(function_call={"arguments": '{"title":"milk"}'}),
            chunk("function_call"), DONE]}], ("add milk", "Added."), tasks=["milk"]),
    "Hermes: the call in the text": case(
        [says("Added.", **RESULT), {"body": [chunk(content="<tool_"), chunk(content='call>\n{"name": "add_task", "arguments": {"title": "milk"}}\n</tool_c'),
                                             chunk(content="all>"), *STOP]}], ("add milk", "Added."), tasks=["milk"]),
    "Qwen3-Coder: the call as XML in the text": case(
        [says("Added.", **RESULT), {"body": [
            chunk(content="<tool_call>\n<function=add_task>\n<parameter=title>\nmilk"),
            chunk(content="\n</parameter>\n</function>\n</tool_call>"), *STOP]}], ("add milk", "Added."), tasks=["milk"]),
    "Mistral: the call behind its token in the text": case(
        [says("Added.", **RESULT), says('[TOOL_CALLS][{"name": "add_task", "arguments": {"title": "milk"}}]')], ("add milk", "Added."), tasks=["milk"]),
    "Llama 3: the call as JSON behind its token": case(
        [says("Added.", **RESULT), says('<|python_tag|>{"name": "add_task", "parameters": {"title": "milk"}}')], ("add milk", "Added."), tasks=["milk"]),
    "a text that only talks of such a call": case(
        [says('Write <tool_call>{"name": "x"} and so on.')], ("hello", 'Write <tool_call>{"name": "x"} and so on.')),
    "gpt-oss: channels in the text": case([{"body": [
        chunk(content="<|channel|>analysis<|mess"), chunk(content="age|>They greet.<|end|><|start|>assist"),
        chunk(content="ant<|channel|>final<|message|>Hello."), *STOP]}], ("hello", "Hello.")),
    "Magistral: thoughts in brackets": case([says("[THINK]They greet.[/THINK]\nHello.")], ("hello", "Hello.")),
    "thoughts in tags of other names": case([says("<reasoning>\nThey greet.\n</reasoning>\nHello.")], ("hello", "Hello.")),
    "an end token of the template in the text": case([says("Hello.<|im_end|>")], ("hello", "Hello.")),
    # Names
    "Kimi: a number behind the name": adds(call(name="functions.add_task:0", id="functions.add_task:0")),
    "a name of a server of tools": adds(call(name="mcp__todo__add_task")),
    "a name in capitals": adds(call(name="ADD_TASK")),
    "a name with a dash": adds(call(name="add-task")),
    "a name that came twice": adds(call(name="add_taskadd_task")),
    "a name with its arguments": adds(call(name="add_task()")),
    # Arguments
    "an object in a list": adds(call('[{"title":"milk"}]')),
    "a closing tag behind": adds(call('{"title":"milk"}</tool_call>')),
    "a word before": adds(call('json\n{"title":"milk"}')),
    "half of a fence": adds(call('```\n{"title":"milk"}')),
    "escaped quotes outside": adds(call('{\\"title\\":\\"milk\\"}')),
    "empty, and then whole with the end": case(
        [says("Added.", **RESULT), {"body": [
            chunk(tool_calls=[call("{}", id="a")]),
            {"data": {"choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": [call(id="a")]}, "finish_reason": "tool_calls"}]}},
            DONE]}], ("add milk", "Added."), tasks=["milk"]),
    "two different ones behind each other are told to the model": case(
        [says("Which?", **RESULT), asks(call('{"title":"milk"}{"title":"eggs"}'))], ("add", "Which?"), tasks=[]),
    "cut off at the end are not carried out": case(
        [{"nth": 1, "body": [chunk(tool_calls=[call('{"title":"mi')]), chunk("length"), DONE]}, says("Hello.")],
        ("add milk", "!upstream_truncated"), ("hello", "Hello."), tasks=[]),
    "the same call twice in one reply": adds(call(id="a"), call(id="b", index=1)),
    "a call and then silence": case([asks(call(), nth=1), {"nth": 2, "body": [chunk("stop"), DONE]}, says("It is there.")],
                                    ("add milk", "!upstream_empty"), ("again", "It is there."), tasks=["milk"]),
    # Members of the request
    "stream_options, by FastAPI": case([
        refuses(422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]},
                "the request has", "stream_options"), says("Hello.")], ("hello", "Hello."), ("hello", "Hello."), requests=3),
    "stream_options, by a word that names nothing": case([
        refuses(400, "Bad Request", "the request has", "stream_options"), says("Hello.")], ("hello", "Hello."), ("hello", "Hello."), requests=3),
    "tools, by llama.cpp": case([
        refuses(500, {"error": {"code": 500, "message": "tools param requires --jinja flag", "type": "server_error"}}, "the request has", "tools"),
        says("Hello.")], ("hello", "Hello."), ("hello", "Hello."), requests=5),
    "tools, by OpenRouter": case([
        refuses(404, {"error": {"message": "No endpoints found that support tool use.", "code": 404}}, "the request has", "tools"),
        says("Hello.")], ("hello", "Hello."), ("hello", "Hello."), requests=3),
    "tools, in the stream": case([
        {"if": ["the request has", "tools"], "body": [{"data": {"error": {"message": "gemma does not support tools"}}}, DONE]},
        says("Hello.")], ("hello", "Hello."), ("hello", "Hello."), requests=3),
    "the system role, by a template": case([
        refuses(400, {"object": "error", "message": "System role not supported", "code": 400}, "a role is", "system"), says("Hello.")],
        ("hello", "Hello."), ("hello", "Hello."), requests=3),
    "roles that must alternate, with a turn that failed before": case([
        {"nth": 1, "status": 500, "headers": {"Content-Type": "application/json"}, "body": "{}"},
        refuses(400, {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}, "roles do not alternate"),
        says("Hello.")], ("hello", "!upstream_error"), ("hello", "Hello."), settings={"AGENT_MAX_RETRIES": 0}, requests=2),
    "roles that must alternate, with tools": case([
        refuses(400, {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}, "a role is", "tool"),
        says("Added.", **{"if": ["the last message holds", "Result of"]}), asks(call())],
        ("add milk", "Added."), tasks=["milk"], requests=3),
    "Mistral: ids of nine characters": case([
        refuses(400, {"object": "error", "message": "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
                      "code": "3280"}, "a call's id is longer than", 9),
        says("Added.", **RESULT), asks(call(id="call_0fypS1hVXabcdef"))], ("add milk", "Added."), ("more", "Added."), tasks=["milk", "milk"]),
    "content beside calls, by Bedrock": case([
        refuses(400, {"message": "The text field in the ContentBlock object at messages.1.content.0 is blank. Add text to the text field, and try again."},
                "content beside calls is empty"), says("Added.", **RESULT), asks(call())], ("add milk", "Added."), tasks=["milk"]),
    "DeepSeek: reasoning_content must come back": case([
        refuses(400, {"error": {"message": "Missing `reasoning_content` field in the assistant message at message index 2."}},
                "reasoning is missing beside calls"),
        says("Added.", **RESULT), {"body": [chunk(reasoning_content="A task."), chunk(tool_calls=[call()]), chunk("tool_calls"), DONE]}],
        ("add milk", "Added."), tasks=["milk"], requests=2),
    "reasoning_content must not come back": case([
        refuses(400, {"error": {"message": "Unrecognized key: reasoning_content in messages"}}, "a message has", "reasoning_content"),
        says("Added.", **RESULT), {"body": [chunk(reasoning_content="A task."), chunk(tool_calls=[call()]), chunk("tool_calls"), DONE]}],
        ("add milk", "Added."), tasks=["milk"], requests=3),
    "OpenRouter: reasoning_details come back": case([
        refuses(400, {"error": {"message": "missing"}}, "beside calls is missing", "reasoning_details"),
        says("Added.", **RESULT), {"body": [
            chunk(content="", reasoning="A ", reasoning_details=[{"type": "reasoning.text", "text": "A ", "index": 0}]),
            chunk(content="", reasoning_details=[{"type": "reasoning.encrypted", "data": "b3BhcXVl", "index": 0}]),
            chunk(tool_calls=[call()]), chunk("tool_calls"), DONE]}], ("add milk", "Added."), tasks=["milk"], requests=2),
    # History
    "a window of three that begins with a question": case([
        refuses(400, {"error": {"message": "the first message must be the user's"}}, "history begins with another than the user"),
        says("Hello.")], *[("hello", "Hello.")] * 4, settings=HISTORY, requests=4),
    "a turn that was filtered is left out": case([
        refuses(400, {"error": {"code": "content_filter", "message": "content management policy",
                                "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, "a message holds", "forbidden"),
        says("Hello.")], ("forbidden words", "!content_filtered"), ("hello", "Hello."), ("hello", "Hello.")),
    "too long, by 413 and no word": case([
        {"status": 413, "if": ["contents are longer than", 1500], "body": "", "headers": {"Content-Type": "text/plain"}}, says("Hello.")],
        ("x" * 2000, "!context_too_long"), ("hello", "Hello."), ("hello", "Hello.")),
    "too long, in the stream": case([
        {"if": ["contents are longer than", 1500], "body": [{"data": TOO_LONG}, DONE]}, says("Hello.")],
        ("x" * 800, "Hello."), ("x" * 800, "Hello."), ("x" * 800, "Hello.")),
    "too long, of a history that is": case([
        refuses(400, TOO_LONG, "contents are longer than", 1500), says("Hello.")],
        ("x" * 600, "Hello."), ("x" * 600, "Hello."), ("x" * 600, "Hello."), ("hello", "Hello.")),
    # Where it is
    "a redirect to a path beside it": case([
        {"if": ["the path does not end in", "/"], "status": 308, "headers": {"Location": "{{path}}/"}, "body": ""}, says("Hello.")],
        ("hello", "Hello."), ("hello", "Hello.")),
    "a redirect that would lose the body": case([{"nth": 1, "status": 302, "headers": {"Location": "/login"}, "body": ""}, says("Hello.")],
                                                ("hello", "!upstream_error"), ("hello", "Hello.")),
    # Loops
    "two calls in turns": case(
        [says("There.", **{"if": ["tools are not offered"]}), asks(call("{}", name="list_tasks"), **{"if": ["the last call was", "get_task"]}),
         asks(call('{"task_id":1}', name="get_task"), **{"if": ["asked with a result"]}), asks(call("{}", name="list_tasks"))],
        ("what is there?", "*")),
    "an order of members that changes": case(
        [says("Added.", **{"if": ["results are more than", 1]}), asks(call('{"description":"d","title":"milk"}'), **RESULT),
         asks(call('{"title":"milk","description":"d"}'))], ("add milk", "Added."), tasks=["milk"]),
    # AG-UI
    "AG-UI: a text that has no start": agui_says([STARTED, event("TEXT_MESSAGE_CONTENT", messageId="m", delta="Hello."),
                                                   event("TEXT_MESSAGE_END", messageId="m"), FINISHED]),
    "AG-UI: a text that ends twice, and begins twice": agui_says([
        STARTED, event("TEXT_MESSAGE_START", messageId="m", role="assistant"), event("TEXT_MESSAGE_START", messageId="m", role="assistant"),
        event("TEXT_MESSAGE_CONTENT", messageId="m", delta="Hello."), event("TEXT_MESSAGE_END", messageId="m"),
        event("TEXT_MESSAGE_END", messageId="m"), FINISHED]),
    "AG-UI: an empty delta, and one that is null": agui_says([
        STARTED, event("TEXT_MESSAGE_START", messageId="m", role="assistant"), event("TEXT_MESSAGE_CONTENT", messageId="m", delta=""),
        event("TEXT_MESSAGE_CONTENT", messageId="m", delta=None), event("TEXT_MESSAGE_CONTENT", messageId="m", delta="Hello."),
        event("TEXT_MESSAGE_END", messageId="m"), FINISHED]),
    "AG-UI: ids of its own in the end": agui_says([
        event("RUN_STARTED", threadId="other", runId="x"), *text("Hello."), event("RUN_FINISHED", threadId="other", runId="y")]),
    "AG-UI: no start of the run": agui_says([*text("Hello."), FINISHED]),
    "AG-UI: started twice": agui_says([STARTED, STARTED, *text("Hello."), FINISHED]),
    "AG-UI: two runs in one answer": agui_says([STARTED, *text("Hel", "a"), FINISHED, STARTED, *text("lo.", "b"), FINISHED], "Hel"),
    "AG-UI: names of events in small letters": agui_says([
        {"data": {**each["data"], "type": each["data"]["type"].lower()}} for each in [STARTED, *text("Hello."), FINISHED]]),
    "AG-UI: fields with underscores": agui_says([
        event("RUN_STARTED", thread_id="{{threadId}}", run_id="{{runId}}"), event("TEXT_MESSAGE_START", message_id="m", role="assistant"),
        event("TEXT_MESSAGE_CONTENT", message_id="m", delta="Hello."), event("TEXT_MESSAGE_END", message_id="m"),
        event("RUN_FINISHED", thread_id="{{threadId}}", run_id="{{runId}}")]),
    "AG-UI: an outcome of another kind": agui_says([STARTED, *text("Hello."), event("RUN_FINISHED", **RUN, outcome={"type": "done"})]),
    "AG-UI: an outcome that is a word": agui_says([STARTED, *text("Hello."), event("RUN_FINISHED", **RUN, outcome="success", result=None)]),
    "AG-UI: the connection stays open": agui(
        {"body": [STARTED, *text("Hello."), FINISHED, {"every_s": 1, "send": ": ping\n\n", "times": 600}]}, turns=[("hello", "Hello.")]),
    "AG-UI: an answer in chunks alone": agui_says([
        STARTED, event("TEXT_MESSAGE_CHUNK", messageId="m", role="assistant", delta="Hel"), event("TEXT_MESSAGE_CHUNK", messageId="m", delta="lo."),
        FINISHED]),
    "AG-UI: chunks without an id": agui_says([STARTED, event("TEXT_MESSAGE_CHUNK", delta="Hel"), event("TEXT_MESSAGE_CHUNK", delta="lo."), FINISHED]),
    "AG-UI: no end of the run": agui({"nth": 1, "body": [STARTED, *text("Half.")]}, {"body": [STARTED, *text("Hello."), FINISHED]},
                                     turns=[("hello", "!upstream_truncated", "Half."), ("hello", "Hello.")]),
    "AG-UI: a failure with a code that is a number": agui(
        {"nth": 1, "body": [STARTED, event("RUN_ERROR", message="no", code=500)]}, {"body": [STARTED, *text("Hello."), FINISHED]},
        turns=[("hello", "!upstream_error"), ("hello", "Hello.")]),
    "AG-UI: events of others, not read": agui_says([
        STARTED, event("STEP_STARTED", stepName="a"), event("ACTIVITY_SNAPSHOT", messageId="x", activityType="A2UI", content={}),
        'data: {"type":"CUSTOM","name":"x","value":NaN}\n\n', 'data: {"value":{"type":"TEXT_MESSAGE_CONTENT"},"type":"RAW"}\n\n',
        event("STATE_DELTA", delta=[{"op": "replace", "path": "/none", "value": 1}]), *text("Hello."),
        event("STEP_FINISHED", stepName="a"), FINISHED]),
    "AG-UI: a snapshot before the text": agui_says([
        STARTED, event("MESSAGES_SNAPSHOT", messages=[{"id": "u", "role": "user", "content": "hello"}]), *text("Hello."), FINISHED]),
    "AG-UI: a snapshot in parts": agui_says([
        STARTED, event("MESSAGES_SNAPSHOT", messages=[
            {"id": "u", "role": "user", "content": "hello"},
            {"id": "a", "role": "assistant", "content": [{"type": "text", "text": "Hello."}]}]), FINISHED]),
    "AG-UI: a message of a kind that nobody knows in the snapshot": agui_says([
        STARTED, event("MESSAGES_SNAPSHOT", messages=[
            {"id": "u", "role": "user", "content": "hello"}, {"role": "remove"}, {"id": "a", "role": "assistant", "content": "Hello."}]),
        FINISHED]),
    "AG-UI: a call of ours": agui_adds(STARTED, *tool(), FINISHED),
    "AG-UI: a call that is left open": agui_adds(STARTED, *tool()[:2], FINISHED),
    "AG-UI: a call that is told twice": agui_adds(STARTED, *tool(), *tool(), FINISHED),
    "AG-UI: a call behind a text that is open": agui_adds(
        STARTED, event("TEXT_MESSAGE_START", messageId="m", role="assistant"), *tool(), event("TEXT_MESSAGE_END", messageId="m"), FINISHED),
    "AG-UI: the arguments of a call are in the snapshot alone": agui_adds(
        STARTED, *tool()[::2], event("MESSAGES_SNAPSHOT", messages=[
            {"id": "u", "role": "user", "content": "add milk"}, {"id": "a", "role": "assistant", "content": "", "toolCalls": [
                {"id": "t", "type": "function", "function": {"name": "add_task", "arguments": '{"title":"milk"}'}}]}]), FINISHED),
    "AG-UI: a call is in the snapshot alone": agui_adds(
        STARTED, event("MESSAGES_SNAPSHOT", messages=[
            {"id": "u", "role": "user", "content": "add milk"}, {"id": "a", "role": "assistant", "toolCalls": [
                {"id": "t", "type": "function", "function": {"name": "add_task", "arguments": '{"title":"milk"}'}}]}]), FINISHED),
    "AG-UI: a call of a name with its server": agui_adds(STARTED, *tool(name="functions.add_task"), FINISHED),
    "AG-UI: parallel calls whose pieces mix": agui(
        {"nth": 1, "body": [STARTED, tool("a")[0], tool("b", arguments='{"title":"eggs"}')[0], tool("b", arguments='{"title":"eggs"}')[1], tool("a")[1],
                            tool("b")[2], tool("a")[2], FINISHED]},
        {"body": [STARTED, *text("Added."), FINISHED]}, turns=[("add", "Added.")], tasks=["milk", "eggs"]),
    "AG-UI: thoughts between tags in the text": agui_says([STARTED, *text("<think>They greet.</think>\nHello."), FINISHED]),
    "AG-UI: JSON and no stream": agui({"nth": 1, "status": 422, "headers": {"Content-Type": "application/json"},
                                       "body": '{"detail":[{"type":"missing","loc":["body","forwarded_props"],"msg":"Field required"}]}'},
                                      {"body": [STARTED, *text("Hello."), FINISHED]},
                                      turns=[("hello", "!upstream_error"), ("hello", "Hello.")]),
}


@pytest.mark.parametrize("name", ROWS)
def test_dialect(name, database, user):
    play(ROWS[name], database, user, f"upstream_dialect_{list(ROWS).index(name)}")
