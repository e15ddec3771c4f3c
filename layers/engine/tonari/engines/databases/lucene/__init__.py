"""What OpenSearch and Elasticsearch have in common: documents, filters, writes and counts of Lucene."""
