/**
 * All dialects, and whose a text is.
 */
import type { Dialect } from "./Dialect.ts"
import { apache4, apache5 } from "./systems/Apache.ts"
import { envoy } from "./systems/Envoy.ts"
import { go } from "./systems/GoTransport.ts"
import { hikari } from "./systems/Hikari.ts"
import { hyper } from "./systems/HyperUtil.ts"
import { istio } from "./systems/Istio.ts"
import { nodeAgent } from "./systems/NodeAgent.ts"
import { okhttp } from "./systems/OkHttp.ts"
import { openFeign } from "./systems/OpenFeign.ts"
import { pingora } from "./systems/Pingora.ts"
import { reactorNetty } from "./systems/ReactorNetty.ts"
import { ribbon } from "./systems/Ribbon.ts"
import { springCloudGateway } from "./systems/SpringCloudGateway.ts"
import { undici } from "./systems/Undici.ts"
import { zuul } from "./systems/Zuul.ts"
import { flatten, formatPath } from "./Written.ts"

export const dialects: ReadonlyArray<Dialect> = [
  istio,
  envoy,
  ribbon,
  zuul,
  openFeign,
  springCloudGateway,
  apache4,
  apache5,
  okhttp,
  reactorNetty,
  hikari,
  go,
  pingora,
  hyper,
  undici,
  nodeAgent
]

/** By its id, `istio`. */
export const dialectOf = (id: string): Dialect | undefined => dialects.find(({ spec }) => spec.id === id)

/** A dialect that a text may be in. */
export interface Candidate {
  readonly dialect: Dialect
  /** Names in the text that tell of it. */
  readonly nameCount: number
}

/**
 * The dialects that know names of the text which most other systems do not have, those that know most of them first.
 * None: nobody can tell. Several that know as many: the reader has to say.
 */
export const detect = (input: string | object, file?: string): ReadonlyArray<Candidate> => {
  const { documents } = flatten(input, file)
  const paths = documents.flat().map(({ path }) => formatPath(path).replaceAll(/\[\d+\]/g, ""))
  return dialects
    .map((dialect) => ({ dialect, nameCount: paths.filter(dialect.spec.isTelling).length }))
    .filter(({ nameCount }) => nameCount > 0)
    .sort((a, b) => b.nameCount - a.nameCount)
}
