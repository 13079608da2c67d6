"""The routes of the attendance application, below /v1/school, and its pages; `routes` lists them."""
