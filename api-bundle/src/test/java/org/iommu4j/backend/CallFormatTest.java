package org.iommu4j.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.backend.CallFormat.Kind;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.layout.Code;
import org.junit.jupiter.api.Test;

class CallFormatTest {
    private static final Operand LOW = Operand.field("oc", 0, 0, 8, "operation").alias("op");
    private static final Operand HIGH = Operand.field("handle", 0, 32, 32, "function handle");
    private static final CallFormat FORMAT = new CallFormat(
            Kind.INSTRUCTION,
            "MPCIFC",
            0xe3d0,
            List.of(HIGH, LOW, Operand.memory("fib", 1, 80, "")),
            List.of(),
            List.of(new Code(-6, "specification")),
            "2.4");

    @Test
    void shouldKeepTheOtherBitsOfAWordWhenAFieldIsSet() {
        NativeCall call = new NativeCall().begin(FORMAT.function());
        HIGH.set(call, 0x8002_0001L);
        LOW.set(call, 4);
        assertEquals(0x8002_0001_0000_0004L, call.word(0));
        LOW.set(call, 5);
        assertEquals(5, LOW.get(call));
        assertEquals(0x8002_0001L, HIGH.get(call));
    }

    @Test
    void shouldRefuseAValueThatExceedsItsField() {
        NativeCall call = new NativeCall().begin(FORMAT.function());
        assertThrows(IllegalArgumentException.class, () -> LOW.set(call, 0x100));
        assertEquals(0, call.word(0));
    }

    @Test
    void shouldFillAWholeWord() {
        NativeCall call = new NativeCall().begin(0x20);
        Operand.word("tce", 2, "").set(call, -1L);
        assertEquals(-1L, call.word(2));
    }

    @Test
    void shouldGoByItsNamesInAnyCaseOfLetters() {
        assertTrue(LOW.named("OC"));
        assertTrue(LOW.named("Op"));
        assertFalse(LOW.named("operation"));
        assertTrue(FORMAT.named("mpcifc"));
    }

    @Test
    void shouldNameResultCodesBothWays() {
        assertEquals("specification", FORMAT.codeName(-6));
        assertEquals("", FORMAT.codeName(3));
        assertEquals(-6L, FORMAT.code("Specification"));
        assertNull(FORMAT.code("operand"));
    }

    @Test
    void shouldRefuseAnOperandOutsideTheCall() {
        assertThrows(IllegalArgumentException.class, () -> Operand.field("x", NativeCall.WORDS, 0, 1, ""));
        assertThrows(IllegalArgumentException.class, () -> Operand.field("x", 0, 60, 8, ""));
        assertThrows(IllegalArgumentException.class, () -> Operand.memory("x", 0, 0, ""));
    }
}
