export { ClientConfig, HttpSettings } from "./ClientConfig.ts"
export * from "./ClientError.ts"
export { type ClientSetup, type ConfigSource, combineConfig } from "./ConfigSource.ts"
export {
  acceptEncoding,
  codingsOf,
  DecompressionBomb,
  type DecompressionLimits,
  decompress
} from "./Decompression.ts"
export { type FormBody, formBody } from "./FormBody.ts"
export { HttpPeer } from "./HttpPool.ts"
export type { Interceptor, Send } from "./Interceptor.ts"
export { type LocalAnswer, localResponse } from "./LocalResponse.ts"
export type { Origin } from "./Origin.ts"
export { ProxyOverride, ProxySetting } from "./ProxySettings.ts"
export { type RedirectedCall, redirectOf } from "./Redirect.ts"
export * from "./Request.ts"
export type { BodySink } from "./ResponseBody.ts"
export { isIdempotentMethod } from "./RetryVerdict.ts"
export { TlsSettings } from "./TlsSettings.ts"
export { type ClientOptions, make as makeClient, WeirClient, type WeirClientService } from "./WeirClient.ts"
export * as WeirHttpClient from "./WeirHttpClient.ts"
