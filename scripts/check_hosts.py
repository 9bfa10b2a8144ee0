"""Call each host of llmgate-compatible, whole and streamed, on a server of one's own.

CI runs it where nothing is installed but the core, llmgate-openai and llmgate-compatible.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import entry_points

import llmgate
from llmgate.types import Completion

WITHOUT_CHAT = {"jina", "voyage"}
SETTINGS = {"cloudflare": {"account": "acme"}, "snowflake": {"account": "acme"}}
CHOICE = {"index": 0, "finish_reason": "stop"}


class Host(BaseHTTPRequestHandler):
    """Answers every call alike."""

    def do_POST(self) -> None:
        """A completion, or a stream of one chunk."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = "delta" if asked.get("stream") else "message"
        answer = json.dumps({"choices": [{**CHOICE, said: {"role": "assistant", "content": "Hi"}}]})
        data = f"data: {answer}\n\ndata: [DONE]\n\n" if asked.get("stream") else answer
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


def main() -> int:
    """Print how many hosts were called, and return how many did not answer."""
    points = entry_points(group="llmgate.providers")
    names = sorted(point.name for point in points if point.value.startswith("llmgate_compatible:"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wrong = list[str]()
    for name in (each for each in names if each not in WITHOUT_CHAT):
        for stream in (False, True):
            answer = llmgate.completion(
                f"{name}/m",
                [{"role": "user", "content": "Hi"}],
                stream=stream,
                api_key="key-1234567890",
                base_url=f"http://127.0.0.1:{server.server_port}/v1",
                provider_settings=SETTINGS.get(name),
            )
            completion = answer if isinstance(answer, Completion) else answer.completion()
            if completion.text != "Hi":
                wrong.append(name)
    print(f"{len(names) - len(WITHOUT_CHAT)} hosts called", *wrong)
    return min(len(wrong) + (len(names) < 60), 1)


if __name__ == "__main__":
    raise SystemExit(main())
