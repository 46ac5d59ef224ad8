package org.iommu4j.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.iommu4j.contract.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PageRequestTest {
    private static PageRequest request(int pasid, int group) {
        return new PageRequest(3, pasid, 0x1000, true, false, false, false, true, group);
    }

    @ParameterizedTest
    @CsvSource({"0x100000, 0", "-2, 0", "0, 512", "0, -1"})
    void shouldHaveNoPasidAndNoGroupThatAMessageHasNoRoomFor(int pasid, int group) {
        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> request(pasid, group))
                        .errno());
    }

    @Test
    void shouldHaveTheLargestOfBoth() {
        assertEquals(0xfffff, request(0xfffff, 511).pasid());
        assertEquals(DmaAccess.NO_PASID, request(DmaAccess.NO_PASID, 0).pasid());
    }
}
