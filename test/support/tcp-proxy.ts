import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * What a proxy does with the server's answers: pass them on, keep them for itself, cut the line in their place, or close the
 * half that they come on, so that nobody is told that the other half still takes what is sent.
 */
export type ProxyMode = 'pass' | 'swallow' | 'cut' | 'half-close';

/** A line to a server that can be disturbed. */
export interface TcpProxy {
  readonly port: number;
  mode: ProxyMode;
  /** How long each answer is kept back. */
  delayMs: number;
  /** Where new connections lead. */
  serverPort: number;
  /** Cuts every line there is. */
  cut(): void;
  close(): Promise<void>;
}

export async function startProxy(serverPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const listener = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect(proxy.serverPort, '127.0.0.1');
    const end = (): void => {
      for (const socket of [near, far]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    near.on('end', end);
    near.on('data', (request) => far.write(request));
    far.on('data', (answer) => {
      if (proxy.mode === 'pass') {
        if (proxy.delayMs > 0) setTimeout(() => near.writable && near.write(answer), proxy.delayMs);
        else near.write(answer);
      } else if (proxy.mode !== 'swallow') {
        // Once, then all is well again.
        const { mode } = proxy;
        proxy.mode = 'pass';
        if (mode === 'cut') end();
        else near.end();
      }
    });
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  const proxy: TcpProxy = {
    port: (listener.address() as AddressInfo).port,
    mode: 'pass',
    delayMs: 0,
    serverPort,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      proxy.cut();
      await new Promise((resolve) => {
        listener.close(resolve);
      });
    },
  };
  return proxy;
}
