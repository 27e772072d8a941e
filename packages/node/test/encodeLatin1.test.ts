/**
 * Strings of octets as octets.
 */
import { assert, describe, it } from "@effect/vitest"
import { encodeLatin1 } from "../src/encodeLatin1.ts"

describe("a string of octets", () => {
  it.each([
    ["", []],
    ["GET", [0x47, 0x45, 0x54]],
    ["\u007f\u0080", [0x7f, 0x80]],
    ["caf\u00e9", [0x63, 0x61, 0x66, 0xe9]],
    ["\u00ff\u0000", [0xff, 0x00]]
  ] as const)("%j has one byte per character", (text, bytes) => {
    assert.deepStrictEqual([...encodeLatin1(text)], [...bytes])
  })
})
