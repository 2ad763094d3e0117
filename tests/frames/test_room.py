import subprocess
import sys

import trade_research.frames as room


def test_every_public_name_is_there():
    for name in room.__all__:
        assert getattr(room, name) is not None


def test_a_function_is_not_shadowed_by_the_submodule_of_its_name():
    code = (
        "import trade_research.frames.resample\n"
        "import trade_research.frames.verdicts\n"
        "from trade_research.frames import align, columns, resample\n"
        "assert all(map(callable, (align, columns, resample)))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_listing_the_room_imports_nothing_heavy():
    code = (
        "import sys\n"
        "import trade_research.frames, trade_research.sources\n"
        "assert 'resample' in dir(trade_research.frames)\n"
        "assert not {'polars', 'pyarrow', 'pandas', 'exchange_calendars'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
