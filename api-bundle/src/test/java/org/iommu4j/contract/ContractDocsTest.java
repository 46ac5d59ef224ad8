package org.iommu4j.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.testing.ContractDocs;
import org.iommu4j.testing.GeneratedDocs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Holds docs/contract.md and docs/layouts/contract.md current. */
class ContractDocsTest {
    private static final Path DOCS = GeneratedDocs.root().resolve("docs");
    private static final Path CONTRACT = DOCS.resolve("contract.md");
    private static final byte[] DESCRIPTOR = HexFormat.of().parseHex("36001200450000004900400000" + "7f0000");

    @Test
    void shouldShowTheTablesOfTheCode() {
        GeneratedDocs.assertSection(CONTRACT, "models", ContractDocs.models());
        GeneratedDocs.assertSection(CONTRACT, "envelope", ContractDocs.struct(Uapi.OPERATION_INFO));
        GeneratedDocs.assertSection(CONTRACT, "invalidate", ContractDocs.struct(Uapi.TLB_INVALIDATE));
        GeneratedDocs.assertSection(CONTRACT, "bind", ContractDocs.struct(Uapi.BIND_HEADER));
        GeneratedDocs.assertSection(CONTRACT, "map", ContractDocs.struct(Uapi.MAP_DMA));
        GeneratedDocs.assertSection(CONTRACT, "unmap", ContractDocs.struct(Uapi.UNMAP_DMA));
        GeneratedDocs.assertSection(CONTRACT, "rules", ContractDocs.rules());
        GeneratedDocs.assertSection(CONTRACT, "errnos", ContractDocs.errnos());
    }

    @Test
    void shouldTakeARequestApartInEveryImage() {
        StringBuilder page = new StringBuilder("# Structures of the contract in their images\n\n");
        page.append("Generated from `org.iommu4j.contract.Uapi`. What they mean: [contract.md](../contract.md).\n");
        for (CStruct struct :
                new CStruct[] {Uapi.OPERATION_INFO, Uapi.TLB_INVALIDATE, Uapi.BIND_HEADER, Uapi.MAP_DMA, Uapi.UNMAP_DMA
                }) {
            page.append("\n## `").append(struct.name()).append("`\n\n");
            page.append("Offsets in bytes");
            page.append(struct.start() == 0 ? ".\n\n" : "; in brackets from the start of the argument.\n\n");
            page.append(ContractDocs.struct(struct));
        }
        page.append("\n## One request in three images\n");
        for (Abi abi : Abi.values()) {
            page.append("\n### ").append(abi.label()).append("\n\n");
            page.append(ContractDocs.dissected(golden(abi), abi, Uapi.TLB_INVALIDATE));
        }

        GeneratedDocs.assertCurrent(DOCS.resolve("layouts").resolve("contract.md"), page.toString());
    }

    @ParameterizedTest
    @EnumSource(Abi.class)
    void shouldPrintTheGoldenBytes(Abi abi) throws IOException {
        String text = Files.readString(CONTRACT);
        int from = text.indexOf(abi.label() + " ", text.indexOf("### Golden bytes"));
        Matcher line =
                Pattern.compile(" [0-4]0:(( [0-9a-f]{2})+)\n").matcher(text).region(from, text.length());
        StringBuilder printed = new StringBuilder();
        for (int i = 0; i < 5 && line.find(); i++) {
            printed.append(line.group(1).replace(" ", ""));
        }

        assertTrue(
                printed.toString().equals(HexFormat.of().formatHex(golden(abi))),
                () -> abi.label() + " in docs/contract.md reads " + printed);
    }

    @Test
    void shouldExplainEveryIdThatARuleNames() throws IOException {
        String text = Files.readString(CONTRACT);
        Set<String> missing = new LinkedHashSet<>();
        for (Rule rule : Rule.values()) {
            Matcher id = Pattern.compile("[A-Z]\\d+").matcher(rule.source());
            while (id.find()) {
                if (!text.contains("\n| " + id.group() + " | ")) {
                    missing.add(rule + ": " + id.group());
                }
            }
        }

        assertTrue(missing.isEmpty(), missing::toString);
    }

    private static byte[] golden(Abi abi) {
        return new RequestWriter(abi, IommuModel.INTEL, 1)
                .invalidate(3, 2, 0x45, 0x7f0000400000L, 0x200000, DESCRIPTOR);
    }
}
