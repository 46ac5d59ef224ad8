package org.iommu4j.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class MeaningsTest {
    @Test
    void shouldWriteASizeInTheLargestUnitThatFits() {
        assertEquals("1 B", Meanings.bytes(0));
        assertEquals("4 KiB", Meanings.bytes(12));
        assertEquals("512 MiB", Meanings.bytes(29));
        assertEquals("8 EiB", Meanings.bytes(63));
    }
}
