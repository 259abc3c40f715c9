"""The rule for Snakemake runs in Snakemake."""

from __future__ import annotations

import shutil
import sys

from superdsm_nb import imread

from support import recipes

COMMAND = f"{sys.executable} -m snakemake --snakefile {recipes.DEPLOY / 'snakemake' / 'Snakefile'} --cores 1"


def test_the_rule_makes_a_label_map_of_every_image(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a", "b c"):
        shutil.copy(recipes.IMAGE, tmp_path / "images" / f"{name}.tif")
    command = f"{COMMAND} --config superdsm_nb='--diameter 20'"
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = recipes.run_commands(command, tmp_path, **home)

    assert done.returncode == 0, done.stderr
    for name in ("a", "b c"):
        assert imread(tmp_path / "labels" / f"{name}.tif").max() == recipes.NUCLEI
        assert (tmp_path / "overlay" / f"{name}.png").is_file()
        assert len((tmp_path / "tables" / f"{name}.csv").read_text().splitlines()) == recipes.NUCLEI + 1
        assert (tmp_path / "logs" / "superdsm_nb" / f"{name}.log").read_text() == ""
