"""What example 05 must make of GitHub's example payloads, computed without VRSky.

Reads the folder of @octokit/webhooks-examples, prints one JSON object per line, in the order in
which the payloads are posted:
{"event": name, "body": the payload as posted, "text": the chat message or null, "fate": ...}
where fate is "delivered", "filtered" or "contract" (the payload violates the flow's contract).
"""

import glob
import json
import sys

NEWS = {"opened": "opened", "reopened": "reopened", "ready_for_review": "ready for review"}


def fate(event, body):
    if violates(body):
        return "contract", None
    if event != "pull_request" or body.get("action") not in NEWS:
        return "filtered", None
    request, repository = body.get("pull_request"), body.get("repository")
    if request is None or repository is None or repository.get("full_name") is None:
        return "filtered", None
    text = "{} {} {}#{}: {} {}".format(
        request["user"]["login"],
        NEWS[body["action"]],
        repository["full_name"],
        body["number"],
        request["title"],
        request["html_url"],
    )
    return "delivered", text


def violates(body):
    """The contract of examples/flows/05-github-pull-requests/flow.yaml, by hand."""
    if not isinstance(body, dict):
        return True
    if "action" in body and not isinstance(body["action"], str):
        return True
    if "number" in body and not is_integer(body["number"]):
        return True
    if "pull_request" in body:
        request = body["pull_request"]
        if not isinstance(request, dict):
            return True
        if not all(isinstance(request.get(name), str) for name in ("title", "html_url")):
            return True
        user = request.get("user")
        if not isinstance(user, dict) or not isinstance(user.get("login"), str):
            return True
    if "repository" in body:
        repository = body["repository"]
        if not isinstance(repository, dict):
            return True
        if "full_name" in repository and not isinstance(repository["full_name"], str):
            return True
    return False


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def main(folder):
    for file in sorted(glob.glob(folder + "/*/index.json")):
        with open(file, encoding="utf-8") as handle:
            events = json.load(handle)
        for event in events:
            for example in event["examples"]:
                # As text, so that whoever posts it and whoever signs it mean the same bytes.
                body = json.dumps(example, ensure_ascii=False)
                outcome, text = fate(event["name"], example)
                line = {"event": event["name"], "body": body, "fate": outcome, "text": text}
                print(json.dumps(line, ensure_ascii=False))


main(sys.argv[1])
