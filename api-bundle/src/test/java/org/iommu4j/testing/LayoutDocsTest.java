package org.iommu4j.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Kind;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.layout.Code;
import org.junit.jupiter.api.Test;

class LayoutDocsTest {
    @Test
    void shouldShowCallsWithOperandsResultsAndCodes() {
        List<Code> codes = List.of(Code.code(0, "done"), Code.code(-6, "specification"));
        String text = LayoutDocs.calls(List.of(
                new CallFormat(
                        Kind.INSTRUCTION,
                        "MPCIFC",
                        0xe3d0,
                        List.of(
                                Operand.field("handle", 0, 32, 32, "function").alias("fh"),
                                Operand.memory("fib", 1, 80, "").orNothing()),
                        List.of(Operand.answer("response", 1, 64, "stored | there")),
                        codes,
                        "2.4"),
                new CallFormat(Kind.INSTRUCTION, "NOP", 7, List.of(), List.of(), codes, "")));

        assertEquals("""
                | function | call | kind | operands | results | defined in |
                |---|---|---|---|---|---|
                | 0xe3d0 | MPCIFC | instruction | handle, fib | response | 2.4 |
                | 0x7 | NOP | instruction |  |  |  |

                ### MPCIFC

                | | name | word | bits | meaning |
                |---|---|---|---|---|
                | in | handle | 0 | 63:32 | function; also fh |
                | in | fib | 1 | 63:0 | 80 bytes of memory at this address; may be left out |
                | out | response | 1 | 63:0 | stored \\| there; 64 bytes of memory behind what is given |

                Codes of MPCIFC, NOP: 0 = done; -6 = specification.
                """, text);
    }
}
