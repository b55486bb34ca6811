"""What is dangerous: danger signs, context, amounts, and the assessment made of them."""
