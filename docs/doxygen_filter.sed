# Marks the plain comments of the headers for Doxygen: one that begins a line
# belongs to what follows, one behind a member to that member. Section lines
# stay plain. The lines of facts become paragraphs with a heading.
/^\/\* SPDX/b
/^\/\* ----/b
s/@triton/\\@triton/g
s|^/\* |/** |
s|^/\*$|/** @file|
s|^\( *\)/\* \(.*\)|\1/** \2|
s|\([;,{}A-Za-z0-9_)"]\) */\* |\1 /**< |
s|^ \* Errors:| *\n * @par Errors\n *|
s|^ \* Threads: \(.*\)Since: \(.*\)\(\*/\)|*\n * @par Threads\n * \1\n * @par Since\n * \2\3|
