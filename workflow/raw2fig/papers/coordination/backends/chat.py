"""A request of the game as a chat of one message, after which the reply may have begun."""

from raw2fig.lm.client import Asked, Failure, Generated, Message
from raw2fig.papers.coordination import engine


def asked_of(request: engine.Request, max_tokens: int, opening: str = "") -> Asked:
    """What the model is asked; its reply begins with `opening`."""
    begun = (Message("assistant", opening),) if opening else ()
    return Asked((Message("user", request.prompt), *begun), request.seed, request.temperature, max_tokens, ())


def reply_of(answer: Generated | Failure, opening: str = "") -> engine.Reply | engine.Failure:
    """What it has answered, with the `opening` of the reply."""
    if isinstance(answer, Failure):
        return engine.Failure(answer.reason)
    return engine.Reply(opening + answer.text, answer.finish_reason, answer.prompt_tokens, answer.completion_tokens)
