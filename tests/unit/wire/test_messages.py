"""The envelope: what is decoded of a message, and what stays bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.wire.messages import UNSET, decode_envelope, encode_error, encode_id


@pytest.mark.parametrize("id", [0, -1, 1, 2**63, -(2**64), 10**40, "", "1", "é漢🎉", '"\\\n'])
def test_an_id_is_encoded_as_it_came(id: int | str) -> None:
    """Integers of any size and strings of any characters."""
    text = json.dumps(id)
    message = decode_envelope(b'{"jsonrpc":"2.0","id":%b,"method":"x"}' % text.encode())
    assert message.id == id
    assert json.loads(encode_id(id)) == id
    assert type(message.id) is type(id)


def test_parameters_stay_bytes() -> None:
    """Whatever stands in them, a "jsonrpc" key included."""
    params = b'{"jsonrpc": "1.0",  "id":[ ], "method":null}'
    message = decode_envelope(b'{"params":%b,"jsonrpc":"2.0","method":"x"}' % params)
    assert bytes(message.params) == params
    assert message.id is UNSET


def test_absent_parameters_are_null() -> None:
    """So that every method decodes one value."""
    assert bytes(decode_envelope(b'{"jsonrpc":"2.0","method":"x"}').params) == b"null"


def test_an_error_about_a_name_that_is_not_utf_8_can_be_sent() -> None:
    """Python shows such names with lone surrogates, which are no Unicode and no JSON."""
    sent = encode_error({"message": "no file 'a\udcff'", "data": {"path": Path("/a\udcff"), "hint": "é"}})
    assert json.loads(sent.decode()) == {"message": "no file 'a?'", "data": {"path": "/a?", "hint": "é"}}
