/** What `import ... from "netmap-tools"` gives. */

export * as abi from "./abi.js";
export { type Balancer, type BalancerCounts, type BalancerOptions, startBalancer } from "./balancer.js";
export {
  type CapturedPacket,
  type CaptureOptions,
  type Recording,
  readRecording,
  writeCapture,
} from "./capture.js";
export { type CaptureSource, keepCapture, openCapture } from "./capture-source.js";
export { type CaptureCounts, type CapturerOptions, countsOf, startCapturer } from "./capturer.js";
export {
  type Backend,
  backends,
  namespaceDirectory,
  type Place,
  type PortInfo,
  portHeader,
  portInfo,
  setPortHeader,
} from "./control.js";
export type { DriverAttempt, DriverReport } from "./driver.js";
export { type ErrorCode, type ErrorDetails, NmError, type PortFailure } from "./errors.js";
export { compileFilter, type Filter } from "./filter.js";
export {
  type Forwarder,
  type ForwarderOptions,
  type Lane,
  type LaneCounts,
  startForwarder,
} from "./forwarder.js";
export { Histogram, type Percentiles } from "./histogram.js";
export {
  type CaptureKind,
  type CounterName,
  counterMeanings,
  type DropReason,
  dropCounters,
  type HistogramName,
  type Status,
} from "./layout.js";
export { type Link, type LinkCounts, type LinkModels, type LinkOptions, startLink } from "./link.js";
export {
  type Model,
  type ReorderModel,
  readBandwidth,
  readDelay,
  readLoss,
  readQueue,
  readReorder,
} from "./models.js";
export { type OpenOptions, openPort, type Port, type Ready, type WaitOptions } from "./port.js";
export {
  formatPort,
  type PipeEnd,
  type PortFlag,
  type PortKind,
  type PortMode,
  type PortOptions,
  type PortSpec,
  parsePort,
} from "./port-spec.js";
export {
  type CaptureInterface,
  type Recorder,
  type RecorderFigures,
  type RecorderOptions,
  type Rotation,
  startRecorder,
} from "./recorder.js";
export {
  type Edit,
  type PlayOptions,
  type Rehearsal,
  type RehearsalOptions,
  type Replay,
  type ReplayFigures,
  type ReplayOptions,
  rehearse,
  type Sides,
  startReplay,
} from "./replay.js";
export type { Ring, RingKind, Slot, Visit } from "./ring.js";
export { type Pace, type Phase, type Rate, type Schedule, type Share, scheduleTimes } from "./schedule.js";
export { type Survey, type SurveyOptions, surveyCapture } from "./survey.js";
export {
  type DumpEntry,
  type Endpoint,
  type Family,
  type Frame,
  type GeneratorOptions,
  type LoopOptions,
  type Numbers,
  type PingerOptions,
  type PongerOptions,
  type Progress,
  type SharedCount,
  type SinkOptions,
  type Stream,
  shareCount,
  startGenerator,
  startPinger,
  startPonger,
  startSink,
  type TrafficLoop,
} from "./traffic.js";
