export type { ClientOptions } from "@weir/fetch"
export { WeirError, type WeirErrorCode } from "@weir/fetch"
export * as WeirHttpClient from "./WeirHttpClient.ts"
