"""What the gate lets through and what it does not: `python3 .ci/contract_test.py`."""

import copy
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from contract import Comparison  # noqa: E402

LOT = {
    "type": "object",
    "required": ["id", "status"],
    "properties": {
        "id": {"type": "integer", "format": "int64"},
        "status": {"$ref": "#/components/schemas/Status"},
        "note": {"type": ["string", "null"]},
        "line": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Line"}]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Lot"}},
    },
}
NEW_LOT = {
    "type": "object",
    "required": ["model"],
    "properties": {"model": {"type": "integer"}, "status": {"$ref": "#/components/schemas/Status"}},
}
DOCUMENT = {
    "paths": {
        "/lots": {
            "get": {
                "parameters": [
                    {"in": "query", "name": "limit", "schema": {"type": "integer"}},
                    {"in": "query", "name": "status", "schema": {"$ref": "#/components/schemas/Status"}},
                ],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Lot"}}}}},
                    "404": {"description": "none"},
                },
            },
            "post": {
                "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewLot"}}}},
                "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lot"}}}}},
            },
        },
        "/lots/{id}": {"delete": {"responses": {"204": {"description": "gone"}}}},
    },
    "components": {
        "schemas": {
            "Lot": LOT,
            "NewLot": NEW_LOT,
            "Status": {"type": "string", "enum": ["CREATED", "COMPLETED"]},
            "Line": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}},
        }
    },
}


class Gate(unittest.TestCase):
    def setUp(self):
        self.new = copy.deepcopy(DOCUMENT)
        self.schemas = self.new["components"]["schemas"]
        self.lots = self.new["paths"]["/lots"]

    def broken(self) -> str:
        return "\n".join(Comparison(DOCUMENT, self.new).run())

    def test_the_same_breaks_nothing(self):
        self.assertEqual(self.broken(), "")

    def test_what_is_added_breaks_nothing(self):
        self.new["paths"]["/more"] = {"get": {"responses": {}}}
        self.lots["put"] = {"responses": {}}
        self.lots["get"]["parameters"].append({"in": "query", "name": "sort", "schema": {"type": "string"}})
        self.lots["get"]["responses"]["429"] = {"description": "too many"}
        self.schemas["Lot"]["properties"]["more"] = {"type": "string"}
        self.schemas["Lot"]["required"].append("note")
        self.schemas["NewLot"]["properties"]["more"] = {"type": "string"}
        self.schemas["Status"]["enum"].append("CLOSED")
        self.schemas["NewLot"]["properties"]["model"] = {"type": ["integer", "string"]}
        self.assertEqual(self.broken(), "")

    def test_a_field_that_need_not_be_sent_any_more_breaks_nothing(self):
        self.schemas["NewLot"]["required"] = []
        self.assertEqual(self.broken(), "")

    def test_an_error_that_does_not_come_any_more_breaks_nothing(self):
        del self.lots["get"]["responses"]["404"]
        self.assertEqual(self.broken(), "")

    def test_a_path_that_is_gone(self):
        del self.new["paths"]["/lots/{id}"]
        self.assertIn("/lots/{id}: the path is gone", self.broken())

    def test_an_operation_that_is_gone(self):
        del self.lots["post"]
        self.assertIn("POST /lots: the operation is gone", self.broken())

    def test_a_parameter_that_is_gone_or_asked_for(self):
        self.lots["get"]["parameters"][0] = {"in": "query", "name": "count", "required": True, "schema": {"type": "integer"}}
        self.assertIn("query `limit`: the parameter is gone", self.broken())
        self.assertIn("query `count`: a new parameter is required", self.broken())

    def test_a_parameter_that_is_required_now(self):
        self.lots["get"]["parameters"][0]["required"] = True
        self.assertIn("`limit`: the parameter is required now", self.broken())

    def test_a_field_of_an_answer_that_is_gone(self):
        del self.schemas["Lot"]["properties"]["note"]
        self.assertIn("`note`: the field is gone", self.broken())

    def test_a_field_of_an_answer_that_may_be_missing(self):
        self.schemas["Lot"]["required"] = ["id"]
        self.assertIn("`status`: the field may be missing now", self.broken())

    def test_a_field_that_is_sent_and_gone(self):
        del self.schemas["NewLot"]["properties"]["status"]
        self.assertIn("body `status`: the field is gone", self.broken())

    def test_a_new_field_that_must_be_sent(self):
        self.schemas["NewLot"]["properties"]["target"] = {"type": "integer"}
        self.schemas["NewLot"]["required"].append("target")
        self.assertIn("body `target`: a new field is required", self.broken())

    def test_an_old_field_that_must_be_sent_now(self):
        self.schemas["NewLot"]["required"].append("status")
        self.assertIn("body `status`: the field is required now", self.broken())

    def test_a_field_of_another_type(self):
        self.schemas["Lot"]["properties"]["id"] = {"type": "string"}
        self.assertIn("`id`: the type was `integer` and is `string` now", self.broken())

    def test_a_field_that_may_be_null_now_breaks_who_reads_it_and_not_who_sends_it(self):
        self.schemas["NewLot"]["properties"]["model"] = {"type": ["integer", "null"]}
        self.assertEqual(self.broken(), "")
        self.schemas["Lot"]["properties"]["id"]["type"] = ["integer", "null"]
        self.assertIn("`id`: the type was `integer` and is `integer` or `null` now", self.broken())

    def test_another_format(self):
        self.schemas["Lot"]["properties"]["id"]["format"] = "int32"
        self.assertIn("`id`: the format was `int64`", self.broken())

    def test_a_word_that_is_gone(self):
        self.schemas["Status"]["enum"] = ["CREATED"]
        self.assertIn('the word "COMPLETED" is gone', self.broken())

    def test_a_change_behind_an_optional_reference(self):
        self.schemas["Line"]["properties"]["code"] = {"type": "integer"}
        self.assertIn("`line` `code`: the type was `string` and is `integer` now", self.broken())

    def test_an_alternative_that_is_gone(self):
        old = copy.deepcopy(DOCUMENT)
        choice = lambda *names: {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
        old["components"]["schemas"]["NewLot"]["properties"]["at"] = choice("Line", "Lot", "Status")
        self.schemas["NewLot"]["properties"]["at"] = choice("Line", "Status")
        self.assertIn("the alternative `#/components/schemas/Lot` is gone", "\n".join(Comparison(old, self.new).run()))

    def test_another_kind_of_body_or_answer(self):
        media = self.lots["post"]["requestBody"]["content"]
        media["text/csv"] = media.pop("application/json")
        self.assertIn("POST /lots body: `application/json` is gone", self.broken())

    def test_another_status_of_success(self):
        answers = self.lots["post"]["responses"]
        answers["200"] = answers.pop("201")
        self.assertIn("POST /lots 201: the answer is gone", self.broken())

    def test_a_body_that_is_required_now(self):
        self.new["paths"]["/lots/{id}"]["delete"]["requestBody"] = {"required": True, "content": {}}
        self.assertIn("DELETE /lots/{id} body: a body is required now", self.broken())


if __name__ == "__main__":
    unittest.main()
