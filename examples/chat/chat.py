"""A chat in the terminal: each response is printed as it comes, and is part of the next question.

MODEL=openai/gpt-5-mini python examples/chat/chat.py
"""

import os

from llmgate import Client, LLMGateError
from llmgate.messages import MessageLike

MODEL = os.environ.get("MODEL", "local/smollm2")


def main() -> None:
    """Ask until the input ends."""
    messages: list[MessageLike] = [{"role": "system", "content": "Be brief."}]
    with Client() as client:
        while prompt := input("> "):
            turn: list[MessageLike] = [*messages, {"role": "user", "content": prompt}]
            try:
                with client.completion(MODEL, turn, stream=True) as stream:
                    for text in stream.text():
                        print(text, end="", flush=True)
                    messages = [*turn, stream.completion().choices[0].message]
            except LLMGateError as error:  # the question is forgotten, and may be asked again
                print(error, end="")
            print()


if __name__ == "__main__":
    try:
        main()
    except (EOFError, KeyboardInterrupt):
        print()
