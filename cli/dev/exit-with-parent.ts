// Preloaded (`--import`) into every process that `meshlane dev` starts, so that none outlives it, not even when it is
// killed with SIGKILL: the kernel closes dev's end of the IPC channel then, which every child hears. Programs stay as
// they are; they get the SIGTERM they know already, and SIGKILL when they do not heed it.
import { isMainThread } from 'node:worker_threads';

const graceMs = 3_000;

// Worker threads inherit the preload, too, but end with their process.
if (isMainThread && process.connected) {
  process.once('disconnect', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs).unref();
  });
  process.channel?.unref(); // listening must not keep a process alive that is done
}
