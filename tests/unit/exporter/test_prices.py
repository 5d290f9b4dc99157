"""The price files on disk: which are read, when again, and what a broken one does."""

import logging
import os
from pathlib import Path

import pytest

from spanledger.exporter import rate
from spanledger.exporter.prices import FILES_MAX, PriceShelf, load_book, price_files
from spanledger.exporter.rate import PriceBook, PriceFileError
from spanledger.exporter.settings import load
from spanledger.schemas import ConfigurationError


def own(name: str, pages: str) -> str:
    """A file with one price."""
    return f"name: {name}\nprices: [{{provider: p, units: {{pages: {pages}}}}}]\n"


def page(book: PriceBook) -> int | None:
    """What a page costs, in whole units."""
    cost = book.rate({"pages": 1}, provider="p", model="", at_ns=0).cost
    return None if cost is None else cost // 10**18


def test_without_files_the_book_is_the_catalogue(tmp_path: Path) -> None:
    """The default folder need not be there, and an empty one is no book of its own."""
    assert PriceShelf((tmp_path / "prices",)).current() is rate.catalogue()
    (tmp_path / "prices").mkdir()
    assert PriceShelf((tmp_path / "prices",)).current() is rate.catalogue()


def test_a_folders_files_are_laid_by_name_and_others_left_alone(tmp_path: Path) -> None:
    """Backups, hidden files and notes are no prices; a later name wins."""
    for name, pages in (
        ("20-new.yaml", "2"),
        ("10-old.yml", "1"),
        (".30.yaml", "3"),
        ("40.yaml~", "4"),
        ("a.txt", "5"),
    ):
        (tmp_path / name).write_text(own(name, pages))
    (tmp_path / "50.yaml").mkdir()
    assert [path.name for path in price_files([tmp_path])] == ["10-old.yml", "20-new.yaml"]
    assert page(load_book([tmp_path])) == 2
    assert page(load_book([tmp_path / "20-new.yaml", tmp_path / "10-old.yml"])) == 1


def test_a_changed_file_makes_another_book_and_an_unchanged_one_the_same(tmp_path: Path) -> None:
    """Time of change and size are looked at; the texts are read again only when they moved."""
    file = tmp_path / "own.yaml"
    file.write_text(own("own", "1"))
    shelf = PriceShelf([tmp_path])
    first = shelf.current()
    assert shelf.current() is first
    file.write_text(own("own", "22"))
    second = shelf.current()
    assert (page(first), page(second)) == (1, 22)
    (tmp_path / "zz.yaml").write_text(own("zz", "3"))
    assert page(shelf.current()) == 3
    (tmp_path / "zz.yaml").unlink()
    assert (page(shelf.current()), shelf.current().digest) == (22, second.digest)


def test_a_broken_file_keeps_the_last_good_book_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is applied; one line names the file, the line and the reason; the cure is seen at once."""
    file = tmp_path / "own.yaml"
    file.write_text(own("own", "1"))
    shelf = PriceShelf([tmp_path])
    good = shelf.current()
    file.write_text(own("own", "-5") + own("own", "2"))
    with caplog.at_level(logging.WARNING):
        assert shelf.current() is good
        assert shelf.current() is good
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"{file}:3: name stands here twice" in caplog.text
    assert f"{file}:3:" in shelf.problem
    file.write_text(own("own", "7"))
    assert page(shelf.current()) == 7
    assert shelf.problem == ""


def test_a_broken_file_at_the_start_prices_nothing(tmp_path: Path) -> None:
    """List prices in place of a contract's would be wrong in silence; every fault of every file is told."""
    (tmp_path / "a.yaml").write_text(own("a", "-1"))
    (tmp_path / "b.yaml").write_bytes(b"name: \xff")
    shelf = PriceShelf([tmp_path])
    for _ in range(2):
        with pytest.raises(PriceFileError) as caught:
            shelf.current()
        assert [os.path.basename(fault.origin) for fault in caught.value.faults] == ["a.yaml", "b.yaml"]  # noqa: PTH119
    (tmp_path / "a.yaml").unlink()
    (tmp_path / "b.yaml").write_text(own("b", "4"))
    assert page(shelf.current()) == 4


def test_a_stated_place_must_be_there(tmp_path: Path) -> None:
    """A misspelt folder must not mean list prices."""
    with pytest.raises(ConfigurationError, match=r"SPANLEDGER_PRICES names .*typo, which is not there"):
        PriceShelf([tmp_path / "typo"], must_exist=True).current()
    with pytest.raises(ConfigurationError, match=r"typo\.yaml, which is not there"):
        load_book([tmp_path / "typo.yaml"])


def test_a_folder_of_too_many_files_is_the_wrong_one(tmp_path: Path) -> None:
    """The limit is on what is opened."""
    for number in range(FILES_MAX + 1):
        (tmp_path / f"{number}.yaml").touch()
    with pytest.raises(ConfigurationError, match=f"{FILES_MAX + 1} price files are more than {FILES_MAX}"):
        load_book([tmp_path])


def test_the_settings_name_the_places(tmp_path: Path) -> None:
    """The flag, then the environment, then a folder in the store or beside a server's journal."""
    both = os.pathsep.join([str(tmp_path / "a.yaml"), str(tmp_path / "b")])
    assert load({"SPANLEDGER_PRICES": both}).prices == (tmp_path / "a.yaml", tmp_path / "b")
    stated = load({"SPANLEDGER_PRICES": both}, prices=str(tmp_path / "c"))
    assert (stated.prices, stated.prices_stated) == ((tmp_path / "c",), True)
    default = load({}, store=str(tmp_path / "s"))
    assert (default.prices, default.prices_stated) == ((tmp_path / "s" / "prices",), False)
    server = load({}, store="clickhouse://h/db", data=str(tmp_path / "journal"))
    assert server.prices == (tmp_path / "journal-prices",)
