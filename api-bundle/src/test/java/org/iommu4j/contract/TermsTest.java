package org.iommu4j.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Set;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

class TermsTest {
    @Test
    void shouldRefuseNumbersThatCannotBe() {
        assertThrows(IllegalArgumentException.class, () -> terms(-1, 20));
        assertThrows(IllegalArgumentException.class, () -> terms(64, 20));
        assertThrows(IllegalArgumentException.class, () -> terms(12, 21));
        assertThrows(IllegalArgumentException.class, () -> terms(12, -1));
    }

    @Test
    void shouldRefuseABindFormatThatIsNoBindOrTakesForeignFlags() {
        Layout layout = SampleTerms.LAYOUT;
        for (int operation : new int[] {0, Uapi.INVAL_IOTLB, 3, 16}) {
            assertThrows(
                    IllegalArgumentException.class, () -> new BindFormat(operation, IommuModel.INTEL, 1, 0, layout));
        }
        assertThrows(
                IllegalArgumentException.class,
                () -> new BindFormat(Uapi.BIND_PASID, IommuModel.INTEL, 1, 0x8000, layout));
    }

    private static Terms terms(int granuleShift, int pasidBits) {
        return new Terms(Abi.LP64_LE, IommuModel.INTEL, 1, Set.of(16), granuleShift, pasidBits, List.of());
    }
}
