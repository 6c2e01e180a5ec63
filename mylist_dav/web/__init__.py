"""Sites for browsers: exposures by host name and by prefix.

front.py     SiteFrontEnd: requests to answers; NowhereFrontEnd: hosts that show nothing
policy.py    headers of sites: media types, caching, what scripts of a shared origin may do
listing.py   folder listings
pages.py     templates: listings and error pages
"""
