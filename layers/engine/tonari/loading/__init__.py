"""What is live, brought into a vector database elsewhere: loaded, compared, followed."""
