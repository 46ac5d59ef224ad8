package org.iommu4j.backend;

/** Receives a chip's message-signalled interrupts. */
@FunctionalInterface
public interface InterruptSink {
    /**
     * Delivers one message.
     *
     * @param address 64-bit address of the message; 0 for chips that have interrupt lines
     * @param data message data; the line's number for chips that have interrupt lines
     */
    void raise(long address, int data);
}
