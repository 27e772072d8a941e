/**
 * Answers that two readers would understand differently, or that carry more than one answer: what response splitting and
 * desynchronisation are made of. Each ends with an answer meant for somebody else.
 */
const foreign = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"

export type Attack = readonly [title: string, text: string]

const head = (...lines: ReadonlyArray<string>): string => `HTTP/1.1 200 OK\r\n${lines.join("\r\n")}\r\n\r\n`
const chunked = head("Transfer-Encoding: chunked")

/** What has to be refused, and the connection closed. */
export const refusedAnswers: ReadonlyArray<Attack> = [
  // Two framings, or one that is not clear (RFC 9112 sections 6.1, 6.3 and 11.2).
  [
    "Content-Length and Transfer-Encoding",
    `${head("Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n${foreign}`
  ],
  [
    "Transfer-Encoding and Content-Length",
    `${head("Transfer-Encoding: chunked", "Content-Length: 0")}0\r\n\r\n${foreign}`
  ],
  ["two lengths that differ", head("Content-Length: 0", "Content-Length: 5") + foreign],
  ["two lengths in one field", head("Content-Length: 0, 5") + foreign],
  ...["+0", "-1", "0x0", "0 0", "", "1e1", "18446744073709551616"].map(
    (value): Attack => [`the length ${JSON.stringify(value)}`, head(`Content-Length: ${value}`) + foreign]
  ),
  ...[
    "xchunked",
    "chunked, identity",
    "chunked, chunked",
    "gzip, chunked",
    "identity",
    "\vchunked",
    "chunked\0",
    '"chunked"'
  ].map(
    (value): Attack => [
      `the coding ${JSON.stringify(value)}`,
      `${head(`Transfer-Encoding: ${value}`)}0\r\n\r\n${foreign}`
    ]
  ),
  ["Transfer-Encoding twice", `${head("Transfer-Encoding: chunked", "Transfer-Encoding: x")}0\r\n\r\n${foreign}`],
  ["Transfer-Encoding in HTTP/1.0", `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${foreign}`],
  // Lines that one reader joins and another splits (RFC 9112 sections 2.2, 5.1 and 5.2).
  ["a space before the colon", head("Content-Length : 0") + foreign],
  ["a folded line", head("X: a", " Content-Length: 0") + foreign],
  ["a first line that begins with a space", head(" Content-Length: 0") + foreign],
  ["a line that ends with LF", `HTTP/1.1 200 OK\r\nX: a\nContent-Length: 0\r\n\r\n${foreign}`],
  ["a line with a bare CR", `HTTP/1.1 200 OK\r\nX: a\rContent-Length: 0\r\n\r\n${foreign}`],
  ["a head that ends with LF LF", `HTTP/1.1 200 OK\nContent-Length: 0\n\n${foreign}`],
  ["a NUL in a value", head("X: a\0b", "Content-Length: 0") + foreign],
  ["a NUL in a name", head("Content-Length\0: 0") + foreign],
  ["a line without a colon", head("Content-Length 0") + foreign],
  ["an answer without a head", foreign.slice(foreign.indexOf("foreign"))],
  // Chunks whose end is not clear (RFC 9112 section 7.1).
  ...["-1", "+0", "0x0", " 0", "0 ", "", "g", "10000000000000000", "0\n", "0;a\n"].map(
    (size): Attack => [`the chunk size ${JSON.stringify(size)}`, `${chunked}${size}\r\n\r\n${foreign}`]
  ),
  ["a chunk longer than its size", `${chunked}1\r\nab\r\n0\r\n\r\n${foreign}`],
  ["a chunk that ends with LF", `${chunked}1\r\na\n0\r\n\r\n${foreign}`],
  ["Content-Length among the trailers", `${chunked}0\r\nContent-Length: 9\r\n\r\n${foreign}`],
  ["Transfer-Encoding among the trailers", `${chunked}0\r\nTransfer-Encoding: chunked\r\n\r\n${foreign}`],
  ["a trailer that ends with LF", `${chunked}0\r\nX: a\n\r\n${foreign}`],
  // A change of protocol that nobody asked for (RFC 9110 section 7.8).
  ["101 unasked", `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n${foreign}`]
]

/** What is a whole answer with the body `own`, or none, and bytes that belong to no answer behind it. */
export const excessiveAnswers: ReadonlyArray<readonly [title: string, method: string, text: string, body: string]> = [
  ["a second answer", "GET", `${head("Content-Length: 3")}own${foreign}`, "own"],
  ["a second answer behind chunks", "GET", `${chunked}3\r\nown\r\n0\r\n\r\n${foreign}`, "own"],
  ["a second answer behind trailers", "GET", `${chunked}3\r\nown\r\n0\r\nX: a\r\n\r\n${foreign}`, "own"],
  ["a second answer behind an empty one", "GET", head("Content-Length: 0") + foreign, ""],
  ["a second answer behind 204", "GET", `HTTP/1.1 204 No Content\r\n\r\n${foreign}`, ""],
  ["a body behind 204", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\nforeign", ""],
  ["a body behind 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\nforeign", ""],
  ["a body behind the answer to HEAD", "HEAD", `${head("Content-Length: 7")}foreign`, ""],
  ["chunks behind the answer to HEAD", "HEAD", `${chunked}7\r\nforeign\r\n0\r\n\r\n`, ""],
  [
    "a second answer behind 1xx and its final one",
    "GET",
    `HTTP/1.1 103 Early Hints\r\n\r\n${head("Content-Length: 3")}own${foreign}`,
    "own"
  ],
  ["a body longer than its length", "GET", `${head("Content-Length: 3")}ownforeign`, "own"],
  ["a line end too many", "GET", `${head("Content-Length: 3")}own\r\n`, "own"]
]

export { foreign }
