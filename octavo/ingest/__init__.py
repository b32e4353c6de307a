"""Files to documents: found, told apart, read in processes of their own.

walk         which files there are, in a stable order
detect       what a file is: by its content first, by its name second
extract      one module a format: bytes to title, text, dates, attachments
limits       what is refused, whatever it is
read         one file: bytes, checksum, extraction, and one line if it cannot be read
worker       the process that reads files, and dies alone if one kills it
pool         several of them, fed with bounded memory
"""
