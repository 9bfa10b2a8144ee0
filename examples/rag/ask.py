"""Answers from a folder of texts: embeddings, SQLite, and a model that is shown what fits best.

python examples/rag/ask.py "Why do we see one side of the Moon only?"
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from array import array
from pathlib import Path

from llmgate import Client

MODEL = os.environ.get("MODEL", "openai/gpt-5-mini")
EMBEDDING_MODEL = os.environ.get("EMBEDDING_MODEL", "openai/text-embedding-3-small")
ARTICLES = Path(__file__).with_name("articles")
SYSTEM = "Answer from these notes alone, and name the file. Where they do not say it, say so."


def similarity(one: bytes, other: bytes) -> float:
    """The cosine of the angle between two vectors of length 1, which are float32."""
    return sum(a * b for a, b in zip(array("f", one), array("f", other), strict=True))


def open_index(path: str) -> sqlite3.Connection:
    """The index: each paragraph with its file and its vector."""
    index = sqlite3.connect(path)
    index.create_function("similarity", 2, similarity, deterministic=True)
    index.execute("CREATE TABLE IF NOT EXISTS notes (text PRIMARY KEY, file, vector)")
    return index


async def vectors_of(client: Client, texts: list[str]) -> list[bytes]:
    """The vectors of some texts, with length 1."""
    embeddings = await client.aembedding(EMBEDDING_MODEL, texts)
    lengths = [sum(x * x for x in vector) ** 0.5 for vector in embeddings.vectors]
    pairs = zip(embeddings.vectors, lengths, strict=True)
    return [array("f", (x / length for x in vector)).tobytes() for vector, length in pairs]


async def add_new_notes(client: Client, index: sqlite3.Connection) -> None:
    """Embed the paragraphs that the index does not have yet."""
    known = {text for (text,) in index.execute("SELECT text FROM notes")}
    found = [
        (note, path.name)
        for path in sorted(ARTICLES.glob("*.md"))
        for note in path.read_text("utf-8").strip().split("\n\n")
        if note not in known
    ]
    if found:
        vectors = await vectors_of(client, [note for note, _ in found])
        rows = ((*note, vector) for note, vector in zip(found, vectors, strict=True))
        with index:
            index.executemany("INSERT INTO notes VALUES (?, ?, ?)", rows)


async def main(question: str, path: str = ":memory:") -> None:
    """Print the answer to a question."""
    index = open_index(path)
    async with Client() as client:
        await add_new_notes(client, index)
        (vector,) = await vectors_of(client, [question])
        query = "SELECT file, text FROM notes ORDER BY similarity(vector, ?) DESC LIMIT 3"
        notes = "\n\n".join(f"{file}: {text}" for file, text in index.execute(query, [vector]))
        prompt = f"{notes}\n\nQuestion: {question}"
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
        print((await client.acompletion(MODEL, messages)).text)
    index.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
