"""Which chapter of the Python library reference documents a module (table of contents of the 3.11 to 3.14 documentation).

Modules without a page of their own (`_pydecimal`, `sre_parse`) stand with the module they are the insides of.
"""

from __future__ import annotations

CHAPTERS = {
    "Text Processing Services": """string re difflib textwrap unicodedata stringprep readline rlcompleter sre_compile sre_constants
        sre_parse""",
    "Binary Data Services": "struct codecs encodings",
    "Data Types": """datetime _pydatetime zoneinfo calendar collections _collections_abc heapq bisect array weakref _weakrefset types copy
        pprint reprlib enum graphlib _strptime""",
    "Numeric and Mathematical Modules": "numbers math cmath decimal _pydecimal fractions random statistics",
    "Functional Programming Modules": "itertools functools operator",
    "File and Directory Access": """pathlib posixpath ntpath genericpath fileinput stat filecmp tempfile glob fnmatch linecache shutil
        macpath""",
    "Data Persistence": "pickle pickletools _compat_pickle copyreg shelve marshal dbm sqlite3",
    "Data Compression and Archiving": "zlib gzip bz2 lzma zipfile tarfile compression _compression",
    "File Formats": "csv configparser tomllib netrc plistlib xdrlib",
    "Cryptographic Services": "hashlib hmac secrets",
    "Generic Operating System Services": """os io _pyio time logging platform errno ctypes getopt""",
    "Command-Line Interface Libraries": "argparse optparse getpass curses cmd shlex",
    "Concurrent Execution": """threading _threading_local multiprocessing concurrent subprocess sched queue contextvars _thread
        _dummy_thread""",
    "Networking and Interprocess Communication": "asyncio socket ssl select selectors signal mmap asyncore asynchat",
    "Internet Data Handling": "email json mailbox mimetypes base64 binascii quopri uu mailcap binhex",
    "Structured Markup Processing Tools": "html xml _markupbase",
    "Internet Protocols and Support": """webbrowser wsgiref urllib http ftplib poplib imaplib smtplib uuid socketserver xmlrpc ipaddress
        cgi cgitb nntplib smtpd telnetlib nturl2path""",
    "Multimedia Services": "wave colorsys aifc sunau chunk sndhdr imghdr ossaudiodev audioop",
    "Internationalization": "gettext locale",
    "Program Frameworks": "turtle turtledemo",
    "Graphical User Interfaces with Tk": "tkinter idlelib",
    "Development Tools": "typing pydoc pydoc_data doctest unittest",
    "Debugging and Profiling": "bdb faulthandler pdb pstats profile profiling cProfile timeit trace tracemalloc",
    "Software Packaging and Distribution": """distutils ensurepip venv zipapp sysconfig _osx_support _aix_support
        _bootsubprocess""",
    "Python Runtime Services": """sys builtins warnings dataclasses contextlib abc _py_abc atexit traceback __future__ gc inspect
        annotationlib site _sitebuiltins code codeop""",
    "Importing Modules": "zipimport pkgutil modulefinder runpy importlib imp",
    "Python Language Services": "ast symtable token keyword tokenize tabnanny pyclbr py_compile compileall dis opcode _opcode_metadata",
    "Unix-specific Services": "posix pwd grp spwd crypt termios tty pty fcntl pipes resource nis syslog",
}


def chapter_of(module: str) -> str | None:
    """Return the chapter of a top-level module, or None for one that no page documents."""
    return _HOMES.get(module)


_HOMES = {module: chapter for chapter, modules in CHAPTERS.items() for module in modules.split()}
