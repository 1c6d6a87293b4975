from __future__ import annotations

import os
import tempfile

from lithops_provider.jobs.remote.messages import SUCCESS, Message, MessageReader, MessageWriter


def test_messages_arrive_whole_however_they_are_cut() -> None:
    sent = [
        Message(7, SUCCESS, 1.5, 0.25, 1 << 40, 5, b"payload", "ünd text"),
        Message(8, SUCCESS, 1.5, 0.25, 0, 6, b"", ""),
    ]
    with tempfile.TemporaryFile() as file:
        write = MessageWriter(file.fileno())
        for message in sent:
            write(message)
        file.seek(0)
        data = file.read()
    reading, writing = os.pipe()
    reader = MessageReader(reading)
    messages = []
    for position in range(len(data)):
        os.write(writing, data[position : position + 1])
        messages += reader.read()
    os.close(writing)
    os.close(reading)

    assert messages == sent
