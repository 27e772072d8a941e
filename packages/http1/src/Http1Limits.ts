/**
 * How much of an answer a session reads before it refuses: what bounds the memory a peer can make one exchange hold.
 *
 * Body bytes are not among them: they are passed on as they arrive and never kept.
 */
import { Effect, Schema } from "effect"

const count = (defaultCount: number) =>
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 30 })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(defaultCount))
  )

export const Http1Limits = Schema.Struct({
  /**
   * Bytes of one response head, from the status line to the empty line, both included; each 1xx head counts on its
   * own. Default: 16 384, Node's own (`--max-http-header-size`).
   */
  headByteCountMax: count(16_384),
  /** Field lines in one head. Default: 2000, Node's own (`maxHeadersCount`); Node drops what exceeds it, we refuse. */
  headerCountMax: count(2000),
  /** 1xx answers before the final one. Default: 32; a server that reports progress (102) every 20 s gets 10 minutes. */
  informationalCountMax: count(32),
  /** Bytes of all chunk extensions of one body. Default: 16 384, Node's own. */
  chunkExtensionByteCountMax: count(16_384),
  /** Bytes of a trailer section, its last empty line included. Default: 16 384. */
  trailerByteCountMax: count(16_384),
  /** Field lines in a trailer section. Default: 2000. */
  trailerCountMax: count(2000)
})

export type Http1Limits = typeof Http1Limits.Type

/** Every limit at its default. */
export const defaultHttp1Limits: Http1Limits = Schema.decodeUnknownSync(Http1Limits)({})
