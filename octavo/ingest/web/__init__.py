"""URLs to files: fetched within limits, and never from where only this machine may look.

urls         what is a URL, and lists of them
addresses    connections to public addresses only, checked where they are made
fetch        one URL: redirections, versions, sizes
robots       what a site asks of programs
politeness   how much at once, and how fast, from one host
pages        many URLs at once, as files for ingest
"""
