"""Archives and mailboxes: files that hold files.

opening      which files are opened, and how
member       one file inside, its name made safe, and what all of them may take
zipped       zip
tarred       tar, plain and compressed
mails        mailboxes in one file
"""
