package org.iommu4j.testing;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.iommu4j.layout.Access;
import org.iommu4j.layout.Code;
import org.iommu4j.layout.FieldOption;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GeneratedDocsTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void writeFile() throws IOException {
        assumeFalse(Boolean.getBoolean("docs.update"), "stale files are mended, not reported");
        file = folder.resolve("doc.md");
        Files.writeString(file, "# Text\n\n<!-- generated: table -->\n\n| a |\n\n<!-- end -->\n\nmore\n");
    }

    @Test
    void shouldFailForAStaleSectionWithTheLineThatDiffers() {
        assertDoesNotThrow(() -> GeneratedDocs.assertSection(file, "table", "| a |\n"));

        AssertionError failure =
                assertThrows(AssertionError.class, () -> GeneratedDocs.assertSection(file, "table", "| b |\n"));
        assertTrue(failure.getMessage().contains("is:        | a |\n  should be: | b |"), failure::getMessage);
    }

    @Test
    void shouldFailForAMissingSection() {
        assertThrows(AssertionError.class, () -> GeneratedDocs.assertSection(file, "other", "| a |"));
    }

    @Test
    void shouldFailForAStaleOrMissingFile() throws IOException {
        String text = Files.readString(file);
        assertDoesNotThrow(() -> GeneratedDocs.assertCurrent(file, text));
        assertThrows(AssertionError.class, () -> GeneratedDocs.assertCurrent(file, text + "x"));
        assertThrows(AssertionError.class, () -> GeneratedDocs.assertCurrent(folder.resolve("none.md"), text));
        assertEquals(text, Files.readString(file));
    }

    @Test
    void shouldPrintALayoutInItsOwnNumbering() {
        Layout.Builder builder = Layout.named("TCE").size(64).msb0().bigEndian().spec("PAPR 14.5");
        builder.address("rpn", 0, 51, FieldOption.about("page | frame"));
        builder.bits(
                "access", 62, 63, FieldOption.oneOf(Code.code(0, "none"), Code.code(3, "both")), FieldOption.since(2));

        assertEquals("""
                ### TCE

                PAPR 14.5. 64 bits, big endian, bit 0 most significant.

                | bits | field | values | meaning |
                |---|---|---|---|
                | 0:51 | rpn |  | page \\| frame; value keeps its place |
                | 52:61 | *reserved* |  | must be zero |
                | 62:63 | access | 0 = none; 3 = both | since sub_version 0x2 |
                """, LayoutDocs.layout(builder.build()));
    }

    @Test
    void shouldPrintRegistersWithTheirAccess() {
        Register.Builder builder = Register.named("FSTS").layout("FSTS_REG").at(0x34, 32);
        builder.bit("PFO", 0, FieldOption.when("FL"), Access.WRITE_ONE_CLEARS);
        Register register = builder.build().surviving();
        Register.Builder locked = Register.named("BASE").at(0x38, 32);
        locked.address(
                "ADDR",
                31,
                12,
                FieldOption.whileClear(register, register.fields().get(0)));

        String text = LayoutDocs.registers(List.of(register, register, locked.build()));

        assertTrue(text.contains("| 0x034 | FSTS | 32 | 0x0 | yes |"), text);
        assertEquals(text.indexOf("### FSTS_REG"), text.lastIndexOf("### FSTS_REG"));
        assertTrue(text.contains("| 0 | PFO | write 1 clears |  | with capability FL |"), text);
        assertTrue(text.contains("| 31:12 | ADDR | read, write; locked while set: FSTS.PFO |"), text);
    }
}
