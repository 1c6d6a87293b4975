from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs.objects import bind_object, bind_objects
from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import ItemsRunner
from tests.jobs.standins import FailingStorage, StorageDownError
from tests.jobs.web_server import WebServer

DATA = {
    "test-data/b": b"b1\nb2\nb3\n",
    "test-data/a": b"a1\na2\n",
    "test-data/sub/c": b"c1\n",
    "test-data/empty": b"",
    "test-data-2/other": b"other\n",
}


@pytest.fixture
def bucket(client: LithopsClient) -> str:
    for key, data in DATA.items():
        client.put(key, data)
    return client.bucket


def size(obj: Any) -> int:
    return len(obj.data_stream.read())


def found(client: LithopsClient, iterdata: Any, function: Any = size, **options: Any) -> list[str]:
    """Returns where the objects are that items stand for."""
    _, items, _ = bind_objects(client, function, iterdata, **options)
    places = [special["object"][1] for _, _, special in items]
    return [place.get("key") or place.get("path") or place.get("url") for place in places]


# -- what paths stand for --------------------------------------------------------------------------------------


def test_a_key_is_one_object(client: LithopsClient, bucket: str) -> None:
    assert found(client, [f"{bucket}/test-data/a"]) == ["test-data/a"]


def test_a_path_alone_is_one_item(client: LithopsClient, bucket: str) -> None:
    assert found(client, f"{bucket}/test-data/a") == ["test-data/a"]


def test_a_prefix_is_all_objects_under_it_in_order(client: LithopsClient, bucket: str) -> None:
    keys = ["test-data/a", "test-data/b", "test-data/empty", "test-data/sub/c"]

    assert found(client, f"{bucket}/test-data/") == keys
    assert found(client, [f"{bucket}/test-data/sub/", f"{bucket}/test-data/a"]) == ["test-data/sub/c", "test-data/a"]


def test_a_pattern_is_all_objects_that_match(client: LithopsClient, bucket: str) -> None:
    assert found(client, f"{bucket}/test-data/e*y") == ["test-data/empty"]
    assert found(client, f"{bucket}/test-data/*") == ["test-data/a", "test-data/b", "test-data/empty"]
    assert found(client, f"{bucket}/test-da*/b") == ["test-data/b"]
    assert found(client, f"{bucket}/**/c") == ["test-data/sub/c"]


def test_a_scheme_names_the_backend(client: LithopsClient, bucket: str) -> None:
    assert found(client, f"localhost://{bucket}/test-data/a") == ["test-data/a"]


def test_a_bucket_is_all_that_is_in_it(client: LithopsClient) -> None:
    client.storage.put_object("test-bucket", "one", b"1")
    client.storage.put_object("test-bucket", "folder/two", b"2")

    assert found(client, ["test-bucket"]) == found(client, ["test-bucket/"]) == ["folder/two", "one"]


def test_a_cloud_object_is_the_object(client: LithopsClient, bucket: str) -> None:
    from lithops.storage.utils import CloudObject, CloudObjectLocal

    assert found(client, [CloudObject("localhost", bucket, "test-data/a")]) == ["test-data/a"]
    assert found(client, [CloudObjectLocal(__file__)]) == [__file__]


def test_a_file_and_a_folder_of_this_machine(client: LithopsClient, tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    (tmp_path / "sub").mkdir()

    assert found(client, str(tmp_path / "a")) == [str(tmp_path / "a")]
    assert found(client, str(tmp_path)) == found(client, f"{tmp_path}/") == [str(tmp_path / "a"), str(tmp_path / "b")]


@pytest.mark.parametrize("limits", [{"chunk_size": 4}, {"chunk_number": 2}])
def test_chunks_are_counted_by_object(client: LithopsClient, bucket: str, limits: dict[str, int]) -> None:
    _, items, chunks = bind_objects(client, size, f"{bucket}/test-data/", **limits)

    assert chunks == ([2, 3, 1, 1] if "chunk_size" in limits else [2, 2, 1, 2])
    assert len(items) == sum(chunks)


def test_the_number_of_chunks_is_over_their_size(client: LithopsClient, bucket: str) -> None:
    assert bind_objects(client, size, f"{bucket}/test-data/b", chunk_size=1, chunk_number=2)[2] == [2]


@pytest.mark.parametrize("limits", [{"chunk_size": 0}, {"chunk_size": -5}, {"chunk_number": 0}, {"chunk_size": 2.5}])
def test_wrong_limits_are_errors_that_name_them(client: LithopsClient, bucket: str, limits: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=f"{next(iter(limits))} must be a whole number of at least 1, got "):
        bind_objects(client, size, f"{bucket}/test-data/a", **limits)


def test_there_may_be_as_many_chunks_as_items(client: LithopsClient, bucket: str) -> None:
    path = f"{bucket}/test-data/b"
    assert bind_objects(client, size, path, chunk_number=3, max_items=3)[2] == [3]

    for limits in ({"chunk_number": 4}, {"chunk_size": 2}):
        with pytest.raises(
            InvalidInputError, match=r"b in chunks \(obj_chunk_size, obj_chunk_number\) makes more than 3"
        ):
            bind_objects(client, size, path, max_items=3, **limits)


def test_nothing_gives_no_items(client: LithopsClient) -> None:
    assert bind_objects(client, size, [])[1:] == ([], [])


# -- other arguments -------------------------------------------------------------------------------------------


def test_other_arguments_come_with_the_path_or_for_all(client: LithopsClient, bucket: str) -> None:
    def f(obj: Any, x: int, y: int = 0) -> None: ...

    path = f"{bucket}/test-data/a"
    items: list[Any] = [(path, 1), {"obj": path, "x": 2}, {"obj": path, "x": 3, "y": 4}]

    _, bound, _ = bind_objects(client, f, items)

    assert [(args, kwargs) for args, kwargs, _ in bound] == [((), {"x": 1}), ((), {"x": 2}), ((), {"x": 3, "y": 4})]
    for extra in ({"x": 1}, [1]):
        binding, _, _ = bind_objects(client, f, [path], extra)
        assert (binding.args, binding.kwargs) == (((), extra) if isinstance(extra, dict) else ((1,), {}))


def test_the_path_need_not_be_the_first_argument(client: LithopsClient, bucket: str) -> None:
    def f(storage: Any, id: int, obj: Any, x: int = 0) -> None: ...

    path = f"{bucket}/test-data/a"

    assert found(client, [path, {"obj": path, "x": 1}, {"obj": path}], f) == ["test-data/a"] * 3
    assert found(client, [path], f, argument="obj") == ["test-data/a"]


def test_the_users_dicts_are_not_changed(client: LithopsClient, bucket: str) -> None:
    item = {"obj": f"{bucket}/test-data/a"}

    bind_objects(client, size, [item])

    assert item == {"obj": f"{bucket}/test-data/a"}


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"x": 1}, "does not give the parameter 'obj'"),
        ((), "does not give the parameter 'obj'"),
        ({"obj": 5}, "gives as 'obj' 5, which is no path"),
        (7, "gives as 'obj' 7, which is no path"),
        ("", "gives as 'obj' '', which is no path"),
        (None, "gives as 'obj' None, which is no path"),
        (("PATH", 1), "too many positional arguments"),
        ({"obj": "PATH", "z": 1}, "unexpected keyword argument 'z'"),
    ],
)
def test_items_that_do_not_fit_are_errors_that_name_them(
    client: LithopsClient, bucket: str, item: Any, complaint: str
) -> None:
    with pytest.raises(InvalidInputError, match=f"item 1, .*{complaint}"):
        bind_objects(client, size, [f"{bucket}/test-data/a", item])


def test_a_missing_argument_is_an_error(client: LithopsClient, bucket: str) -> None:
    def f(obj: Any, x: int) -> None: ...

    with pytest.raises(InvalidInputError, match="missing a required argument: 'x'"):
        bind_objects(client, f, [f"{bucket}/test-data/a"])


# -- a single call ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["dict", "list", "tuple", "path"])
def test_a_call_takes_one_object(client: LithopsClient, bucket: str, shape: str) -> None:
    path = f"{bucket}/test-data/a"
    data: Any = {"dict": {"obj": path}, "list": [path], "tuple": (path,), "path": path}[shape]

    _, (item,) = bind_object(client, size, data)

    assert item[2]["object"][1]["key"] == "test-data/a"


def test_a_call_does_not_take_several(client: LithopsClient, bucket: str) -> None:
    with pytest.raises(InvalidInputError, match="size is called once, but its obj stands for 4 objects; use a map"):
        bind_object(client, size, f"{bucket}/test-data/")
    with pytest.raises(InvalidInputError, match="does not give the parameter 'obj'"):
        bind_object(client, size, None)


# -- what isn't there ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        (
            "BUCKET/test-data/no",
            "there is no object .*/test-data/no in the storage backend localhost, whose "
            "buckets are folders of FOLDER; for all",
        ),
        ("BUCKET/test-data/sub", "for all objects under it, write .*/test-data/sub/"),
        ("BUCKET/no-such-prefix/", "there is no object"),
        ("BUCKET/half \ud800", "is no path of an object: it has"),
        ("BUCKET/\0", "is no path of an object: it has"),
        ("/\0", "is no path of an object: it has"),
        ("BUCKET/" + "x" * 1_000_000, r"xx\.\.\.xx.* is no path of an object: it has more than 16,384"),
        ("BUCKET/test-dat/", "there is no object"),
        ("no-such-bucket/key", "there is no object"),
        ("no-such-bucket", "there is no object"),
        ("BUCKET/test-data/*.png", "there is no object .*/test-data/"),
        ("BUCKET/test-data/a**", r"\*\* in test-data/a\*\* not alone between path separators"),
        ("/no/such/file", "there is no file or folder /no/such/file"),
        ("file:///etc/passwd", "write a file of this machine as an absolute path"),
        ("no_such_backend://bucket/key", "the storage backend 'no_such_backend' can't be used"),
        ("a://b://c", "a://b://c"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(
    client: LithopsClient, bucket: str, path: str, complaint: str
) -> None:
    from lithops.constants import LITHOPS_TEMP_DIR

    complaint = complaint.replace("FOLDER", re.escape(LITHOPS_TEMP_DIR))
    with pytest.raises(InvalidInputError, match=f"item 0: .*{complaint}"):
        bind_objects(client, size, [path.replace("BUCKET", bucket)])


def test_a_missing_library_is_named_with_what_installs_it(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "lithops.storage.backends.aws_s3", raising=False)
    monkeypatch.delitem(sys.modules, "lithops.storage.backends.aws_s3.aws_s3", raising=False)

    with pytest.raises(InvalidInputError, match=r"s3://b/key: .* needs .* 'boto3': pip install '.*\[aws\]'$"):
        bind_objects(client, size, ["s3://b/key"])


def test_a_storage_that_fails_is_not_said_to_lack_the_object(client: LithopsClient, bucket: str) -> None:
    client._internal_storage.storage = FailingStorage(client.storage, lambda name, key: True)

    with pytest.raises(StorageDownError):
        bind_objects(client, size, [f"{bucket}/test-data/a"])


def test_an_empty_folder_is_an_error(client: LithopsClient, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="there are no files in"):
        bind_objects(client, size, str(tmp_path))


def test_a_file_of_this_machine_is_no_use_to_functions_elsewhere(client: LithopsClient) -> None:
    client.config["lithops"]["backend"] = "aws_lambda"

    with pytest.raises(InvalidInputError, match="functions on aws_lambda can't read"):
        bind_objects(client, size, __file__)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("pair", [("key", "file"), ("key", "url"), ("file", "url")])
def test_a_mix_of_kinds_is_an_error_that_shows_both(
    client: LithopsClient, bucket: str, server: WebServer, pair: tuple[str, str], order: int
) -> None:
    paths = {"key": f"{bucket}/test-data/a", "file": __file__, "url": f"{server.url}/file"}
    items = [paths[kind] for kind in pair][::order]

    with pytest.raises(InvalidInputError) as caught:
        bind_objects(client, size, items)

    assert "the items of one map are all of one kind" in str(caught.value)
    assert all(repr(item) in str(caught.value) for item in items)


# -- in functions ----------------------------------------------------------------------------------------------


def test_functions_get_their_chunks(client: LithopsClient, bucket: str, batch: BatchRunner) -> None:
    def read(obj: Any, id: int, prefix: str) -> tuple[int, str, int, str]:
        return id, obj.key, obj.part, prefix + obj.data_stream.read().decode()

    binding, items, _ = bind_objects(client, read, f"{bucket}/test-data/", [">"], chunk_size=3)

    assert list(batch(bound=(binding, items)).results().values()) == [
        (0, "test-data/a", 1, ">a1\n"),
        (1, "test-data/a", 2, ">a2\n"),
        *[(2, "test-data/b", 1, ">b1\n"), (3, "test-data/b", 2, ">b2\n"), (4, "test-data/b", 3, ">b3\n")],
        *[(5, "test-data/empty", 1, ">"), (6, "test-data/sub/c", 1, ">c1\n")],
    ]


def test_functions_get_files_of_this_machine(client: LithopsClient, tmp_path: Path, batch: BatchRunner) -> None:
    (tmp_path / "file").write_bytes(b"one\ntwo\n")
    binding, items, _ = bind_objects(client, size, str(tmp_path / "file"), chunk_size=4)

    assert batch(bound=(binding, items)).results() == {0: 4, 1: 4}


def test_an_object_that_vanished_is_its_items_failure(
    client: LithopsClient, bucket: str, run_items: ItemsRunner
) -> None:
    binding, items, _ = bind_objects(client, size, f"{bucket}/test-data/")
    client.delete(bucket, ["test-data/b"])

    run = run_items(binding, items)

    assert run.results() == [6, None, 0, 3]
    (failure,) = run.failures()
    assert (failure.index, failure.item) == (1, "obj=test-data/b")


def test_items_that_only_look_like_paths_are_no_objects() -> None:
    """Without a parameter ``obj`` a path is text."""
    assert list(bind_items(len, ["bucket/key"])[1]) == [(("bucket/key",), {})]
