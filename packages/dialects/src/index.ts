export { type Dialect, type DialectSpec, make as makeDialect } from "./Dialect.ts"
export { type Candidate, detect, dialectOf, dialects } from "./Dialects.ts"
export { toMarkdown } from "./Documentation.ts"
export { type IstioCluster, istioCluster, type Sourced } from "./IstioCluster.ts"
export type { DialectOptions, Key } from "./Key.ts"
export { type Knob, type KnobValue, unlimited } from "./Knob.ts"
export {
  DialectError,
  type Entry,
  formatProblem,
  type Note,
  type Place,
  type Problem,
  type Reading,
  type Unmapped
} from "./Reading.ts"
export { apache4, apache5 } from "./systems/Apache.ts"
export { envoy } from "./systems/Envoy.ts"
export { go } from "./systems/GoTransport.ts"
export { hikari } from "./systems/Hikari.ts"
export { hyper } from "./systems/HyperUtil.ts"
export { istio } from "./systems/Istio.ts"
export { nodeAgent } from "./systems/NodeAgent.ts"
export { okhttp } from "./systems/OkHttp.ts"
export { openFeign } from "./systems/OpenFeign.ts"
export { pingora } from "./systems/Pingora.ts"
export { reactorNetty } from "./systems/ReactorNetty.ts"
export { ribbon } from "./systems/Ribbon.ts"
export { springCloudGateway } from "./systems/SpringCloudGateway.ts"
export { undici } from "./systems/Undici.ts"
export { zuul } from "./systems/Zuul.ts"
export { type Translation, toPlain, translate } from "./Translation.ts"
