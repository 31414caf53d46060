"""Tasks and the log of operations over HTTP."""

import pytest

from kit.http import Api


@pytest.fixture
def api(gateway, user):
    return Api(gateway, user)


@pytest.fixture
def tasks(user):
    return f"/api/users/{user}/tasks"


def test_the_life_of_a_task(api, tasks, database, user):
    status, headers, _ = api.raw("POST", tasks, {"title": "milk", "description": "two"})
    assert status == 201
    place = headers["Location"]
    task = api("GET", place)
    assert task["title"] == "milk" and task["description"] == "two" and not task["is_completed"]
    assert not task["ai_generated"]
    assert api("PATCH", place, {"is_completed": True})["is_completed"]
    changed = api("PATCH", place, {"title": "oat milk", "description": None, "is_completed": False})
    assert (changed["title"], changed["description"], changed["is_completed"]) == ("oat milk", None, False)
    assert changed["updated_at"] >= task["updated_at"] and changed["created_at"] == task["created_at"]
    assert database.value("select title from parley.tasks where user_id = %s", user) == "oat milk"
    assert api("DELETE", place, status=204) is None
    for method, body in (("GET", None), ("PATCH", {"title": "x"}), ("DELETE", None)):
        assert api.refusal(method, place, body, 404) == "not_found"


def test_lists(api, tasks):
    ids = [api("POST", tasks, {"title": f"task {number}"}, 201)["id"] for number in range(5)]
    for id in ids[:2]:
        api("PATCH", f"/api/tasks/{id}", {"is_completed": True})
    listed = lambda query: [task["id"] for page in api.pages(tasks + query) for task in page]
    assert listed("?limit=2") == ids[::-1]
    assert listed("?completed=true&limit=1") == ids[1::-1]
    assert listed("?completed=false") == ids[:1:-1]


def test_times(api, tasks, user, database):
    """`due_at` with any zone, what is due first, what comes back, a number of one's own that is not used again."""
    made = api("POST", tasks, {"title": "a", "due_at": "2030-05-04T17:00:00+02:00", "recurrence": "freq=daily"}, 201)
    assert set(made) == {"id", "number", "user_id", "title", "description", "is_completed", "ai_generated",
                         "last_interaction_id", "due_at", "recurrence", "created_at", "updated_at"}
    assert (made["number"], made["due_at"], made["recurrence"]) == (1, "2030-05-04T15:00:00.000Z", "FREQ=DAILY")
    done = api("POST", tasks, {"title": "b", "is_completed": True}, 201)
    assert done["is_completed"] and done["number"] == 2
    early = api("POST", tasks, {"title": "c", "due_at": "2029-01-01T00:00:00Z"}, 201)
    listed = [[task["title"] for task in page] for page in api.pages(f"{tasks}?order=due&limit=2")]
    assert listed == [["c", "a"], ["b"]]
    place = f"/api/tasks/{made['id']}"
    back = api("PATCH", place, {"is_completed": True})
    assert (back["is_completed"], back["due_at"]) == (False, "2030-05-05T15:00:00.000Z")
    moved = api("PATCH", place, {"due_at": None})
    assert (moved["due_at"], moved["recurrence"]) == (None, None)
    assert api("PATCH", f"/api/tasks/{early['id']}", {"due_at": "2031-01-01T00:00Z"})["due_at"].startswith("2031")
    api("DELETE", f"/api/tasks/{early['id']}", status=204)
    assert api("POST", tasks, {"title": "d"}, 201)["number"] == 4
    assert database.value("select count(*) from parley.tasks where user_id = %s and deleted_at is not null", user) == 1


@pytest.mark.parametrize("query", ["order=priority", "limit=0", "completed=yes", "before=1", "before=x_y", "before=1_x"])
def test_wrong_queries(api, tasks, query):
    assert api.refusal("GET", f"{tasks}?{query}") == "invalid_field"


@pytest.mark.parametrize("body", [
    {}, {"title": " "}, {"title": "x" * 201}, {"title": 1}, {"title": "x", "description": "y" * 2001},
    {"title": "a\0b"}, {"title": None}, {"title": "x", "due_at": "tomorrow"}, {"title": "x", "recurrence": "FREQ=DAILY"},
    {"title": "x", "due_at": "2030-01-01T00:00:00Z", "recurrence": "FREQ=HOURLY"},
])
def test_wrong_tasks(api, tasks, body):
    assert api.refusal("POST", tasks, body) == "invalid_field"
    if "description" in body or body == {}:
        body = {"description": "y" * 2001} if body else {}
    id = api("POST", tasks, {"title": "x"}, 201)["id"]
    assert api.refusal("PATCH", f"/api/tasks/{id}", body) == "invalid_field"


def test_conditions(api, tasks):
    id = api("POST", tasks, {"title": "x"}, 201)["id"]
    place = f"/api/tasks/{id}"
    old = api.raw("GET", place)[1]["ETag"]
    assert api.raw("GET", place, headers={"If-None-Match": old})[0] == 304
    api("PATCH", place, {"title": "y"}, If_Match=old)
    for method, body in (("PATCH", {"title": "z"}), ("DELETE", None)):
        assert api.refusal(method, place, body, 412, If_Match=old) == "invalid_field"
    assert api("GET", place)["title"] == "y"
    api("DELETE", place, status=204, If_Match=api.raw("GET", place)[1]["ETag"])


def test_somebody_elses(gateway, api, tasks, user):
    id = api("POST", tasks, {"title": "secret"}, 201)["id"]
    other = Api(gateway, f"{user}-other")
    assert other.refusal("GET", tasks, status=403) == "forbidden"
    assert other.refusal("POST", tasks, {"title": "x"}, 403) == "forbidden"
    for method, body in (("GET", None), ("PATCH", {"title": "x"}), ("DELETE", None)):
        answers = {other.raw(method, f"/api/tasks/{place}", body)[::2] for place in (id, 2 ** 62, "x", -1, 2 ** 70)}
        assert len(answers) == 1 and answers.pop()[0] == 404
    admin = Api(gateway, f"{user}-admin", role="admin")
    assert [task["title"] for task in admin("GET", tasks)["data"]] == ["secret"]
    assert admin.refusal("POST", tasks, {"title": "x"}, 403) == "forbidden"


def test_the_same_tasks_as_the_assistants(api, tasks, connect, user):
    turn = connect().turn("add milk")
    [task] = api("GET", tasks)["data"]
    assert task["title"] == "milk" and task["ai_generated"]
    [operation] = api("GET", f"/api/conversations/{turn.thread}/operations")["data"]
    assert (operation["operation_type"], operation["status"], operation["ordinal"]) == ("add", "success", 1)
    assert operation["result"]["task"]["id"] == task["id"] and operation["finished_at"]


def test_pages_of_operations(gateway, api, connect, user):
    chat = connect()
    thread = chat.turn("add 1").thread
    for number in range(4):
        chat.turn(f"add {number}", thread=thread)
    whole = api("GET", f"/api/conversations/{thread}/operations")["data"]
    assert len(whole) >= 5
    pages = api.pages(f"/api/conversations/{thread}/operations?limit=2")
    assert [item["operation_id"] for page in pages for item in page] == \
        [item["operation_id"] for item in whole]
    other = Api(gateway, f"{user}-other")
    assert other.refusal("GET", f"/api/conversations/{thread}/operations", status=404) == "thread_not_found"
