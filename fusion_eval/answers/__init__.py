"""What a text says: its thoughts, final answer or verdict. Text in, values out; nothing guessed."""
