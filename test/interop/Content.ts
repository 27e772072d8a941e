/**
 * What is sent both ways: a small text and 50 MB that tell at once if a piece is lost, doubled or misplaced.
 */
import { Buffer } from "node:buffer"
import { createHash, type Hash } from "node:crypto"

export const smallText = "a small file, served as it is\n"

const pieceByteCount = 65_536
export const bigByteCount = 50 * 1024 * 1024

/** Each piece begins with its own number. */
export const bigPieces = function* (): Generator<Buffer> {
  for (let index = 0; index < bigByteCount / pieceByteCount; index++) {
    const piece = Buffer.alloc(pieceByteCount, index & 0xff)
    piece.writeUInt32BE(index)
    yield piece
  }
}

/** Length and digest, for comparison. */
export class Receipt {
  byteCount = 0
  readonly #hash: Hash = createHash("sha256")

  add(piece: Uint8Array): this {
    this.byteCount += piece.length
    this.#hash.update(piece)
    return this
  }

  /** Ends it. */
  toString(): string {
    return `${this.byteCount} bytes, ${this.#hash.digest("hex")}`
  }
}

export const receiptOf = (pieces: Iterable<Uint8Array>): string => {
  const receipt = new Receipt()
  for (const piece of pieces) receipt.add(piece)
  return receipt.toString()
}
