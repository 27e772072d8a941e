/**
 * Two readings of one answer side by side, and the rule that explains their difference, if one does.
 *
 * Being stricter than Node needs a rule, told by the words of our refusal. Being laxer, or reading something else, is
 * explained by three rules alone; any other such difference is a bug of ours.
 */
import type { Input } from "./Inputs.ts"
import { readByNode } from "./NodeReading.ts"
import { readByUs } from "./OurReading.ts"
import { keyOf, type Reading } from "./Reading.ts"

export interface Rule {
  readonly side: "stricter" | "laxer" | "different"
  /** What Node does, what we do, and why. */
  readonly text: string
  readonly explains: (ours: Reading, node: Reading, input: Input) => boolean
}

/** We refuse, in these words, what Node accepts. */
const stricter = (words: RegExp, text: string): Rule => ({
  side: "stricter",
  text,
  explains: (ours, node) => ours._tag === "refused" && node._tag === "accepted" && words.test(ours.why)
})

const closingInterim = /^1\.1 .*\bconnection,.*\bclose\b/is
const tabBehindChunked = /\r\ntransfer-encoding:[ \t]*chunked[ \t]*\t[ \t]*\r\n/i

export const rules: ReadonlyArray<Rule> = [
  stricter(
    /^Transfer-Encoding is not exactly/,
    "Node reads an answer with a coding that it does not know, or with several, up to the close. We asked for no coding but `chunked`, and refuse others: whoever sits between may frame the body by them (RFC 9112 sections 6.1 and 7)."
  ),
  stricter(
    /^Transfer-Encoding occurs more than once/,
    "Node joins repeated Transfer-Encoding fields. We refuse them: `chunked` applied twice is forbidden, and readers differ on which field counts (RFC 9112 section 6.1)."
  ),
  stricter(
    /^an HTTP\/1\.0 answer has Transfer-Encoding/,
    "Node decodes chunks in an HTTP/1.0 answer. We take its framing for faulty and refuse it (RFC 9112 section 6.1)."
  ),
  stricter(
    /a status line begins with HTTP/,
    "Node skips empty lines before a status line and reads status codes below 100. We refuse both (RFC 9112 section 4, RFC 9110 section 15)."
  ),
  stricter(
    /text has no control characters and ends with CRLF/,
    "Node lets control characters stand in a reason phrase. We refuse them there as in fields (RFC 9112 section 4)."
  ),
  stricter(
    /^octet \S+ in the chunked coding: a chunk extension is/,
    "Node takes a chunk extension without a name, or a value that is no token. We hold to the grammar (RFC 9112 section 7.1.1)."
  ),
  stricter(
    /^101 Switching Protocols answers a request without Upgrade/,
    "Node takes a 101 that nobody asked for as the final answer, when it names no protocol. We refuse it (RFC 9110 section 7.8)."
  ),
  stricter(
    /in the trailer section \(RFC 9110 section 6\.5\.1\)$/,
    "Node hands over framing fields in a trailer section. We refuse them (RFC 9110 section 6.5.1)."
  ),
  {
    side: "laxer",
    text: "After a 1xx head with `Connection: close`, or of HTTP/1.0, Node takes the final answer for data behind the last message. We read on to the final answer, which every 1xx announces (RFC 9110 section 15.2), and close then (RFC 9112 section 9.6).",
    explains: (ours, node) =>
      ours._tag === "accepted" &&
      node._tag === "refused" &&
      node.why === "HPE_CLOSED_CONNECTION" &&
      ours.answer.interims.some((interim) => closingInterim.test(interim) || interim.startsWith("1.0"))
  },
  {
    side: "different",
    text: "Node does not see `chunked` when a tab follows it, and reads up to the close. Whitespace around a value is no part of it, so that we read chunks, and refuse what are none (RFC 9110 section 5.5).",
    explains: (ours, node, { text }) =>
      node._tag === "accepted" &&
      tabBehindChunked.test(text) &&
      (ours._tag === "refused" || String(ours.answer.headers) === String(node.answer.headers))
  }
]

export type Comparison =
  | { readonly _tag: "both accept" | "both refuse" }
  | { readonly _tag: "differ"; readonly rule: Rule | undefined; readonly ours: Reading; readonly node: Reading }

/** The first octets of the text that we take for a whole message: where it ends by our reading. */
const messageOf = ({ method, text }: Input): string => {
  let low = 0
  let high = text.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (readByUs({ method, pieces: [text.slice(0, middle)] })._tag === "accepted") high = middle
    else low = middle + 1
  }
  return text.slice(0, low)
}

/**
 * Bytes behind a message make us close the connection once the answer is delivered, while Node fails the answer if it
 * gets them in time; so where we find any, Node is given the message alone, which tells whether it ends in the same place.
 */
export const compare = async (input: Input): Promise<Comparison> => {
  const ours = readByUs(input)
  const hasExcess = ours._tag === "accepted" && ours.hasExcess
  const node = await readByNode(hasExcess ? { ...input, pieces: [messageOf(input)] } : input)
  if (ours._tag === "refused" && node._tag === "refused") return { _tag: "both refuse" }
  if (ours._tag === "accepted" && node._tag === "accepted" && keyOf(ours.answer) === keyOf(node.answer)) {
    return { _tag: "both accept" }
  }
  return { _tag: "differ", rule: rules.find(({ explains }) => explains(ours, node, input)), ours, node }
}
