"""Ways to distil beyond one teacher and one training, one file each. Light: torch is imported by the files that train.

| setting of `distill` | what | file |
|---|---|---|
| `phases` | several trainings in order, with freezing | `settings.py`, run by the stage |
| `teacher`, `teachers` | the model before, several teachers | `averaging.py` |
| `mutual` | students that teach each other | `mutual.py` |
| `born_again` | generations | `settings.py`, run by the stage |
| `ema_teacher` | the student's own running average as a teacher | `ema_teacher.py` |
| `exits` | heads after inner layers | `exits.py` |
| `tasks` | further data sets, each with a head of its own | `mixing.py`, `mixed_tasks.py` |

`mutual`, `ema_teacher` and `exits` are companions of the one objective, see `together.py`, and may stand side by side.
"""
