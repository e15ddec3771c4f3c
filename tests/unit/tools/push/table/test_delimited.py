"""CSV as people have it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.table.delimited import find_delimiter, read_delimited
from tonari_tools.push.table.records import Records


def read(text: str) -> Records:
    return read_delimited("t.csv", text)


def cells(text: str) -> list[list[str]]:
    records = read(text)
    return [list(records.columns), *map(list, records.rows)]


PLAIN = [["id", "price"], ["p1", "5"], ["p2", "6"]]


@pytest.mark.parametrize(
    "text",
    [
        "id,price\np1,5\np2,6\n",
        "id;price\np1;5\np2;6",
        "id\tprice\r\np1\t5\r\np2\t6\r\n",
        "id|price\np1|5\np2|6\n",
        "id,price\rp1,5\rp2,6\r",
        "sep=;\nid;price\np1;5\np2;6\n",
        "SEP=,\r\nid,price\r\np1,5\r\np2,6\r\n",
        '"sep=\t"\nid\tprice\np1\t5\np2\t6\n',
        "\n\nid,price\n\np1,5\n,\np2,6\n  \n",
        ",id,price\n0,p1,5\n1,p2,6\n",
        "Unnamed: 0,id,price\n7,p1,5\n3,p2,6\n",
        "id,price,\np1,5,\np2,6,\n",
        "id,price,\np1,5\np2,6,\n",
        "id,price,,\np1,5,,\np2,6,,\n",
        "id,price\np1,5,\np2,6,,\n",
        ' id , "price"\n"p1", 5\np2 ,"6"\n',
        '"id" , "price" \n"p1" ,"5"\np2,"6" \n',
        "# from the shop; 2025\n#\nid,price\np1,5\np2,6\n",
        "\ufeffid,price\np1,5\np2,6\n",
        'id,price\n="p1",5\n"=""p2""","=""6"""\n',
    ],
)
def test_the_same_table_in_other_hands(text: str) -> None:
    assert cells(text) == PLAIN


def test_the_line_of_the_names_may_begin_with_a_number_sign() -> None:
    assert cells("#,name\n1,a\n2,b\n")[0] == ["#", "name"]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("id;price;weight\np1;12,50;1,5\np2;13,90;2,5\n", ";"),
        ("id;price, EUR;a,b,c\np1;5;x\np2;6;y\n", ";"),
        ("id,tags;old\np1,a;b;c\np2,d\n", ","),
        ("id,material\np1,wool|silk|linen\np2,cotton|silk|jute\n", ","),
        ("id\np1\n", ","),
    ],
)
def test_the_delimiter_is_what_fits_the_rows_not_the_names_alone(text: str, delimiter: str) -> None:
    assert find_delimiter(text.splitlines(keepends=True)) == delimiter


@given(
    st.sampled_from(",;\t|"),
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="#="), min_size=1),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=8,
    ),
)
def test_what_python_writes_is_read_back(delimiter: str, rows: list[list[str]]) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([["id", "name", "colour"], *rows])
    records = read_delimited("t.csv", f"sep={delimiter}\n{file.getvalue()}")
    assert (records.columns, [*map(list, records.rows)], records.bad) == (("id", "name", "colour"), rows, ())


def test_an_index_without_a_name_is_left_out_and_said() -> None:
    assert read(",id\n0,p1\n1,p2\n").notes == (
        "Left out the first column of t.csv: it has no name and only numbers the rows",
    )
    assert read("id,\np1,\n").notes == ()


def test_lines_are_counted_as_an_editor_does() -> None:
    text = 'sep=,\n\nid,text\np1,"two\nlines"\np2,a,b\np3,c\n'
    records = read(text)
    assert (records.lines, [one.line for one in records.bad]) == ([4, 7], [6])


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("p2,red,6,7", "4 cells, but only 3 columns: put a text with ',' in it between quotes."),
        ("p2,red", "2 cells, but 3 columns: a separator (',') is missing."),
        ('p2,"red,6', 'a quote (") is opened and not closed, or a cell has over 131,072 characters.'),
        (
            'p2,"red" dress,6',
            'a quote (") stands within a quoted cell: write it twice (""), or close the quote before it.',
        ),
        (f"p2,{'x' * 200_000},6", 'a quote (") is opened and not closed, or a cell has over 131,072 characters.'),
        ("p2,re\0d,6", "a cell holds a NUL character."),
    ],
)
def test_a_row_that_is_none_is_named_and_the_others_are_read(row: str, why: str) -> None:
    records = read(f"id,color,price\np1,red,5\n{row}\np3,blue,7\np4,green,8\n")
    assert [(one.line, one.why) for one in records.bad] == [(3, why)]
    assert [cells[0] for cells in records.rows] == ["p1", "p3", "p4"]
    assert records.lines == [2, 4, 5]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('id,text,price\np1,"a \\"red\\", dress",5\n', ["p1", 'a "red", dress', "5"]),
        ('id\ttext\tprice\np1\t"red" dress\t5\n', ["p1", '"red" dress', "5"]),
        ('id\ttext\tprice\np1\t"red dress\t5\n', ["p1", '"red dress', "5"]),
        ('id,text,price\np1,5" wide,5\n', ["p1", '5" wide', "5"]),
    ],
)
def test_quotes_that_other_programs_write_otherwise(text: str, cells: list[str]) -> None:
    records = read(text + text.splitlines()[0].replace("id", "p2").replace("text", "t").replace("price", "6") + "\n")
    assert (records.rows[0], [row[0] for row in records.rows], records.bad) == (cells, ["p1", "p2"], ())


def test_only_a_whole_cell_in_the_wrap_of_excel_is_unwrapped() -> None:
    assert read('id,a,b,c\n"=""007""","=""","=""a"" b","a=""b"""\n').rows == [["007", '="', '="a" b', 'a="b"']]


def test_the_semicolon_of_an_html_entity_separates_nothing() -> None:
    text = "id;color;name\np1;gr&uuml;n;Caf&eacute; &#233;t&#xE9;\np2;R&D;AT&T\np3;a &amp; b;c;d\np4;x&nonsense;y;z\n"
    records = read(text)
    assert [*records.rows] == [["p1", "gr&uuml;n", "Caf&eacute; &#233;t&#xE9;"], ["p2", "R&D", "AT&T"]]
    assert [one.line for one in records.bad] == [4, 5]


def test_blanks_behind_a_quote_end_no_cell_that_goes_on() -> None:
    records = read('id,text,price\np1,"a "" , b\nc" ,5\np2,"a "" , b",5\n')
    assert [cells[1] for cells in records.rows] == ['a " , b']
    assert [one.line for one in records.bad] == [2, 3]


def test_an_open_quote_is_found_where_it_is_also_if_another_follows() -> None:
    records = read('id,color\np1,"red\np2,blue\np3,"green"\np4,"white"\n')
    assert [one.line for one in records.bad] == [2]
    assert [cells[0] for cells in records.rows] == ["p2", "p3", "p4"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "t.csv is empty"),
        ("\n \n", "t.csv is empty"),
        ("id,price,price\np1,5,6\n", "columns 2 and 3 are both called 'price': rename one"),
        ("id,caf\u00e9,cafe\u0301\np1,5,6\n", "columns 2 and 3 are both called"),
        ("id,\np1,x\n", "column 2 has none, though line 2 has 'x' there"),
        (",id\nx,p1\n", "column 1 has none, though line 2 has 'x' there"),
        ("id,a\x07b\np1,x\n", "column 2, 'a.x07b', has a control character"),
        ("p1.jpg,red\np2.jpg,blue\n", "line 1: 'p1.jpg' is a picture, not the name of a column"),
        ('id,"price\np1,5\n', "line 1: a quote"),
        (
            "Products 2025\nid,price,color\np1,5,red\np2,6,blue\n",
            "all 3 rows have 3 cells, but the first line has 1 names",
        ),
        (
            '"id","price"\n"1","p1",5\n"2","p2",6\n"3","p3",7\n',
            "all 3 rows have 3 cells, but the first line has 2 names",
        ),
    ],
)
def test_what_is_no_table_is_refused_with_the_remedy(text: str, error: str) -> None:
    with pytest.raises(InvalidCatalogueError, match=error):
        read(text)


def test_names_that_differ_in_letters_are_two_and_line_breaks_in_a_name_are_blanks() -> None:
    assert read('id,Price,price,"net\r\nweight"\np1,5,6,7\n').columns == ("id", "Price", "price", "net weight")
