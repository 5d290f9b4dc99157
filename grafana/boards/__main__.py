"""Write every dashboard's file, and remove those of dashboards that are no more."""

from boards import FOLDER, files

for _old in FOLDER.glob("*.json"):
    _old.unlink()
for _name, _text in files().items():
    (FOLDER / _name).write_text(_text)
