"""Which provider answers at which URL: generated from the price catalogue, which an application cannot afford to load.

`python tests/support/provider_urls.py` renews this file; a test holds it equal to the catalogue.
"""

from typing import Final

PROVIDER_URLS: Final = (
    ("anthropic", r"https://api\.anthropic\.com"),
    ("arcee", r"https://api\.arcee\.ai(?:/|$)"),
    ("avian", r"https://api\.avian\.io"),
    ("aws", r"https://bedrock-runtime\.[a-z0-9-]+\.amazonaws\.com(/|$)"),
    (
        "azure",
        r"(https?://)?([^.]*\.)?(?:openai\.azure\.com|azure-api\.net|cognitiveservices\.azure\.com|services\.ai\.azure\.com)",
    ),
    ("baseten", r"https://inference\.baseten\.co(?:/|$)"),
    ("cerebras", r"https://api\.cerebras\.ai"),
    ("cloudflare", r"https://api\.cloudflare\.com/client/v4/accounts/[^/]+/ai(?:/|$)"),
    ("cohere", r"https://api\.cohere\.(?:ai|com)"),
    ("cursor", r"https://api\.cursor\.com"),
    (
        "databricks",
        r"https://[^/]+\.(?:cloud\.databricks\.com|azuredatabricks\.net|gcp\.databricks\.com)/(?:serving-endpoints|ai-gateway)(?:/|$)",
    ),
    ("deepseek", r"https://api\.deepseek\.com"),
    ("doubleword", r"https://api\.doubleword\.ai"),
    ("elevenlabs", r"https://api\.(?:(?:us|eu\.residency|in\.residency|sg\.residency)\.)?elevenlabs\.io(?:/|$)"),
    ("fireworks", r"https://api\.fireworks\.ai"),
    ("github-copilot", r"https://api\.githubcopilot\.com"),
    ("google", r"https://(.*\.)?googleapis\.com"),
    ("groq", r"https://api\.groq\.com"),
    ("huggingface_cerebras", r"https://router\.huggingface\.co/cerebras"),
    ("huggingface_fireworks-ai", r"https://router\.huggingface\.co/fireworks-ai"),
    ("huggingface_groq", r"https://router\.huggingface\.co/groq"),
    ("huggingface_hyperbolic", r"https://router\.huggingface\.co/hyperbolic"),
    ("huggingface_nebius", r"https://router\.huggingface\.co/nebius"),
    ("huggingface_novita", r"https://router\.huggingface\.co/novita"),
    ("huggingface_nscale", r"https://router\.huggingface\.co/nscale"),
    ("huggingface_ovhcloud", r"https://router\.huggingface\.co/ovhcloud"),
    ("huggingface_publicai", r"https://router\.huggingface\.co/publicai"),
    ("huggingface_sambanova", r"https://router\.huggingface\.co/sambanova"),
    ("huggingface_together", r"https://router\.huggingface\.co/together"),
    ("meta", r"https://api\.meta\.ai(?:/|$)"),
    ("minimax", r"https://api\.minimax(i)?\.(?:com|io)"),
    ("mistral", r"https://api\.mistral\.ai"),
    ("modal", r"https://[^/]+\.modal\.(?:run|direct)(?:/|$)"),
    ("moonshotai", r"https://api\.moonshot\."),
    ("novita", r"https://api\.novita\.ai"),
    ("openai", r"https://api\.openai\.com"),
    ("openrouter", r"https://(api\.)?openrouter\.ai"),
    ("ovhcloud", r"https://oai\.endpoints\.kepler\.ai\.cloud\.ovh\.net"),
    ("perplexity", r"https://api\.perplexity\.ai"),
    ("quicksilverpro", r"https://api\.quicksilverpro\.io"),
    ("together", r"https://api\.together\.xyz"),
    ("typesafe", r"https://api\.typesafe\.ai"),
    ("voyageai", r"https://api\.voyageai\.com"),
    ("x-ai", r"https://api\.x\.ai"),
    ("zai", r"https://api\.z\.ai"),
    ("zhipuai", r"https://open\.bigmodel\.cn"),
)
"""A provider's id in the catalogue, and the pattern that its URLs begin with."""
