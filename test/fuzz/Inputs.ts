/**
 * Answers to read: generated whole, then damaged the way attacks are, and cut into pieces. Everything is drawn from one
 * seed and the input's number, so that each can be made again.
 */
import { Buffer } from "node:buffer"
import type { Chance } from "@weir/testkit"

export interface Input {
  readonly method: "GET" | "HEAD"
  /** Latin-1. */
  readonly text: string
  readonly pieces: ReadonlyArray<string>
}

const tokenLetters = "!#$%&'*+-.^_`|~09azAZ"
const fieldLetters = '\t !"(),/:;<=>?@[\\]{}~09azAZ\x80\xa0\xe9\xff'
const contentLetters = "ab\r\n\0\xff0;:"

const damages = [
  ...[
    "\r",
    "\n",
    "\r\n",
    " ",
    "\t",
    "\0",
    "\x7f",
    ":",
    ";",
    ",",
    "0",
    "+",
    "-",
    "x",
    "\xff",
    "\v",
    "\r\n ",
    '"',
    "\r\n\r\n"
  ],
  ...["Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Content-Length: 3\r\n"],
  ...[
    "Connection: close\r\n",
    "Connection: upgrade\r\n",
    "Upgrade: x\r\n",
    "HTTP/1.1 200 OK\r\n",
    "0\r\n\r\n",
    "fffffffffffffffff"
  ]
] as const
const [firstDamage, ...otherDamages] = damages

const textOf = (chance: Chance, letters: string, least: number, most: number): string => {
  let text = ""
  for (let count = chance.between(least, most); count > 0; count--) text += letters[chance.below(letters.length)]
  return text
}

const token = (chance: Chance): string => textOf(chance, tokenLetters, 1, 10)
const value = (chance: Chance): string => textOf(chance, fieldLetters, 0, 16)

const lines = (chance: Chance): string => {
  let text = ""
  for (let count = chance.below(4); count > 0; count--) {
    text += `${token(chance)}:${textOf(chance, " \t", 0, 2)}${value(chance)}\r\n`
  }
  return text
}

const extension = (chance: Chance): string => {
  switch (chance.below(6)) {
    case 0:
      return `;${token(chance)}`
    case 1:
      return `;${token(chance)}=${token(chance)}`
    case 2:
      return `;${token(chance)}=${chance.pick(['""', '"a b"', '"a;b=c"', '"\\""', '"\\\\"'])}`
    default:
      return ""
  }
}

const chunkedBody = (chance: Chance): string => {
  let text = ""
  for (let count = chance.below(4); count > 0; count--) {
    const data = textOf(chance, contentLetters, 1, 30)
    const size = data.length.toString(16)
    text += `${chance.pick(["", "0", "00"])}${chance.isHit(0.5) ? size.toUpperCase() : size}${extension(chance)}\r\n${data}\r\n`
  }
  return `${text}0${extension(chance)}\r\n${chance.isHit(0.3) ? lines(chance) : ""}\r\n`
}

const framed = (chance: Chance): readonly [field: string, body: string] => {
  const content = textOf(chance, contentLetters, 0, 40)
  switch (chance.below(3)) {
    case 0:
      return [`Content-Length: ${content.length}\r\n`, content]
    case 1:
      return ["Transfer-Encoding: chunked\r\n", chunkedBody(chance)]
    default:
      return ["", content]
  }
}

const interim = (chance: Chance): string =>
  `HTTP/1.1 ${chance.pick([100, 102, 103])} ${chance.pick(["Wait", ""])}\r\n${lines(chance)}\r\n`

const message = (chance: Chance): string => {
  const [field, body] = framed(chance)
  const status = chance.pick([200, 200, 200, 201, 204, 206, 299, 304, 404, 500, 599, 999])
  const option = chance.pick([
    "",
    "",
    "Connection: close\r\n",
    "connection:\tkeep-alive \r\n",
    "Keep-Alive: timeout=5\r\n"
  ])
  const early = chance.isHit(0.15) ? interim(chance) : ""
  const version = chance.isHit(0.15) ? "1.0" : "1.1"
  return `${early}HTTP/${version} ${status} ${value(chance)}\r\n${lines(chance)}${option}${field}${lines(chance)}\r\n${body}`
}

const framingLines = [
  "Transfer-Encoding: chunked",
  "Transfer-Encoding:chunked\t",
  "Transfer-Encoding: gzip, chunked",
  "Content-Length: 3",
  "Content-Length: 0",
  "Content-Length: 3, 3",
  "Content-Length: +3",
  "Connection: close",
  "Connection: upgrade",
  "Upgrade: x",
  " folded: x"
] as const

/** A line more at the place of a line, where it changes how the message is framed. */
const reframed = (chance: Chance, text: string): string => {
  const starts = [...text.matchAll(/\r\n/g)].map(({ index }) => index + 2)
  const index = starts[chance.below(Math.max(1, starts.length))] ?? 0
  return `${text.slice(0, index)}${chance.pick(framingLines)}\r\n${text.slice(index)}`
}

const damaged = (chance: Chance, text: string): string => {
  const index = chance.below(text.length + 1)
  const before = text.slice(0, index)
  const after = text.slice(index)
  switch (chance.below(7)) {
    case 4:
      return reframed(chance, text)
    case 0:
      return before + String.fromCharCode(chance.below(256)) + after.slice(1)
    case 1:
      return before
    case 2:
      return before + after.slice(chance.between(1, 4))
    case 3:
      return before + after.slice(0, chance.between(1, 20)) + after
    default:
      return before + chance.pick([firstDamage, ...otherDamages]) + after.slice(chance.below(3))
  }
}

const cut = (chance: Chance, text: string): ReadonlyArray<string> => {
  const ends = [text.length]
  for (let count = chance.below(5); count > 0; count--) ends.push(chance.below(text.length + 1))
  ends.sort((a, b) => a - b)
  return ends.map((end, index) => text.slice(ends[index - 1] ?? 0, end)).filter((piece) => piece !== "")
}

export const makeInput = (seed: Chance, number: number): Input => {
  const chance = seed.fork(number)
  let text = message(chance)
  for (let count = chance.below(4); count > 0; count--) text = damaged(chance, text)
  return { method: chance.isHit(0.1) ? "HEAD" : "GET", text, pieces: cut(chance, text) }
}

export const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1")
