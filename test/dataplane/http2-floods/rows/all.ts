import type { Flood } from '../flood.ts';
import { controlFrameFloods } from './control-frames.ts';
import { headerBlockFloods } from './header-blocks.ts';
import { resetFloods } from './resets.ts';
import { streamFloods } from './streams.ts';

export const floods: readonly Flood[] = [...resetFloods, ...headerBlockFloods, ...controlFrameFloods, ...streamFloods];
