"""What llmgate costs beside bare aiohttp and beside its peers; nothing here is shipped."""
