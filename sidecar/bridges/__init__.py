"""Other protocols' doors to the daemon; each exits with its parent."""
