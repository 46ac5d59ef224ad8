package org.iommu4j.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class MeaningsTest {
    @Test
    void shouldWriteARequesterAsBusDeviceAndFunction() {
        assertEquals("00:00.0", Meanings.requester(0));
        assertEquals("00:1f.2", Meanings.requester(0xfa));
        assertEquals("ff:1f.7", Meanings.requester(0xffff));
    }

    @Test
    void shouldWriteASizeInTheLargestUnitThatFits() {
        assertEquals("1 B", Meanings.bytes(0));
        assertEquals("4 KiB", Meanings.bytes(12));
        assertEquals("512 MiB", Meanings.bytes(29));
        assertEquals("8 EiB", Meanings.bytes(63));
    }
}
